// The backend of the tests with Docker: answers each request with its host's name. No image but this file is needed.
//   server          serves on PORT, or 3000, and sends datagrams back on 56000 to 56002; ends 50 ms after SIGTERM, and
//                   takes no more connections meanwhile
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

static void* echo(void* argument) {
  const int datagrams = (int)(long)argument;
  char bytes[2048];
  for (;;) {
    struct sockaddr_in from;
    socklen_t length = sizeof from;
    const ssize_t got = recvfrom(datagrams, bytes, sizeof bytes, 0, (struct sockaddr*)&from, &length);
    if (got >= 0) sendto(datagrams, bytes, (size_t)got, 0, (struct sockaddr*)&from, length);
  }
}

static int bound(int type, int port) {
  const int made = socket(AF_INET, type, 0);
  const int yes = 1;
  setsockopt(made, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_ANY)}};
  if (bind(made, (struct sockaddr*)&address, sizeof address) != 0) _exit(1);
  return made;
}

static void in_a_thread(void* (*what)(void*), int descriptor) {
  pthread_t thread;
  if (pthread_create(&thread, NULL, what, (void*)(long)descriptor) == 0) pthread_detach(thread);
}

int main(int count, char** arguments) {
  if (count > 1 && strcmp(arguments[1], "sick") == 0) return fclose(fopen(mark, "w"));
  if (count > 1 && strcmp(arguments[1], "well") == 0) return unlink(mark);
  if (count > 1) return access(mark, F_OK) == 0;
  signal(SIGPIPE, SIG_IGN);
  const char* port = getenv("PORT");
  listener = bound(SOCK_STREAM, port != NULL ? atoi(port) : 3000);
  if (listen(listener, 512) != 0) return 1;
  for (int i = 0; i < 3; ++i) in_a_thread(echo, bound(SOCK_DGRAM, 56000 + i));
  signal(SIGTERM, end);
  for (;;) {
    const int client = accept(listener, NULL, NULL);
    if (client >= 0) in_a_thread(serve, client);
  }
}
