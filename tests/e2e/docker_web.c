// The backend of the tests with Docker: answers each request with its host's name. No image but this file is needed.
//   server          serves; ends 50 ms after SIGTERM, and takes no more connections meanwhile
//   server sick     from now on its check fails
//   server well
//   server check    what a HEALTHCHECK runs
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static const char mark[] = "/sick";
static int listener;

static void end(int number) {
  (void)number;
  close(listener);
  usleep(50000);
  _exit(0);
}

static void* serve(void* argument) {
  const int client = (int)(long)argument;
  char name[64] = "";
  char request[16384];
  char answer[256];
  size_t held = 0;
  gethostname(name, sizeof name - 1);
  const int length = snprintf(answer, sizeof answer, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(name), name);
  for (;;) {
    const ssize_t got = read(client, request + held, sizeof request - 1 - held);
    if (got <= 0) break;
    held += (size_t)got;
    request[held] = '\0';
    if (strstr(request, "\r\n\r\n") == NULL) continue;
    held = 0;
    if (write(client, answer, (size_t)length) != length) break;
  }
  close(client);
  return NULL;
}

int main(int count, char** arguments) {
  if (count > 1 && strcmp(arguments[1], "sick") == 0) return fclose(fopen(mark, "w"));
  if (count > 1 && strcmp(arguments[1], "well") == 0) return unlink(mark);
  if (count > 1) return access(mark, F_OK) == 0;
  signal(SIGPIPE, SIG_IGN);
  listener = socket(AF_INET, SOCK_STREAM, 0);
  const int yes = 1;
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(3000), .sin_addr = {htonl(INADDR_ANY)}};
  if (bind(listener, (struct sockaddr*)&address, sizeof address) != 0 || listen(listener, 512) != 0) return 1;
  signal(SIGTERM, end);
  for (;;) {
    const int client = accept(listener, NULL, NULL);
    if (client < 0) continue;
    pthread_t thread;
    if (pthread_create(&thread, NULL, serve, (void*)(long)client) == 0) pthread_detach(thread);
  }
}
