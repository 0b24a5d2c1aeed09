// clang-format off
//go:build ignore
// clang-format on

/* The build line keeps Go from taking this file for a part of testtailnet.
 *
 * A host of the embedded node in one poll loop, driven by lines on standard input; test_node.py is its
 * driver.
 *
 *   node OPTIONS_JSON        make a node, print its events as they come
 *   start | close
 *   listen ID PORT FLAGS M   M: echo  bytes back; at the client's end "|end", then close
 *                               speak "hello|", the end, then reads to the client's end and prints it
 *                               drop  close at once, unread
 *                               hold  connections are left in the listener's socket
 *   take ID                  accept and close everything that a hold listener holds, print the count
 *   packet ID PORT           echo datagrams
 *   whois ID ADDRESS | cert ID DOMAIN | unlisten ID
 *   process                  print the number of descriptors, and the caught signals
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "evenkeel_node.h"

enum kind { FREE, INPUT, EVENTS, LISTENER, PACKET, ECHO, SPEAK };
enum { MAX_WATCHED = 512, BUFFER = 1 << 16 };

struct watched {
  enum kind kind;
  int id;
  char mode[8];
};

static struct pollfd polls[MAX_WATCHED];
static struct watched watched[MAX_WATCHED];
static nfds_t count;
static int node;
static char buffer[BUFFER];

static void fail(const char* what, int error) {
  fprintf(stderr, "%s: %s\n", what, strerror(error));
  exit(1);
}

static void report(const char* what, int result) {
  printf("%s %s\n", what, result < 0 ? strerrorname_np(-result) : "ok");
}

static size_t watch(int fd, enum kind kind, int id, const char* mode) {
  if (count == MAX_WATCHED) fail("too many descriptors", ENOMEM);
  polls[count] = (struct pollfd){.fd = fd, .events = POLLIN};
  watched[count] = (struct watched){.kind = kind, .id = id};
  snprintf(watched[count].mode, sizeof watched[count].mode, "%s", mode);
  return count++;
}

static void drop(size_t at) {
  close(polls[at].fd);
  polls[at].fd = -1;
  watched[at].kind = FREE;
}

static void compact(void) {
  nfds_t kept = 0;
  for (nfds_t i = 0; i < count; i++) {
    if (watched[i].kind == FREE) continue;
    polls[kept] = polls[i];
    watched[kept++] = watched[i];
  }
  count = kept;
}

/* The sockets of a test never fill: what must be sent is small. */
static void send_text(int fd, const void* bytes, size_t size) {
  while (size > 0) {
    ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) {
      struct pollfd writable = {.fd = fd, .events = POLLOUT};
      poll(&writable, 1, -1);
      continue;
    }
    if (n < 0) return;
    bytes = (const char*)bytes + n;
    size -= (size_t)n;
  }
}

static void check_flags(int fd) {
  if ((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0) fail("a descriptor that blocks", EINVAL);
  if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0) fail("a descriptor that exec keeps", EINVAL);
}

/* Returns the connection and fills text; -1 when there is none, -2 at the end of the listener. */
static int take(int listener, char* text, size_t size) {
  char control[CMSG_SPACE(sizeof(int))];
  struct iovec part = {.iov_base = text, .iov_len = size - 1};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
  ssize_t n = recvmsg(listener, &message, MSG_CMSG_CLOEXEC);
  if (n < 0 && errno == EAGAIN) return -1;
  if (n <= 0) return -2;
  text[n] = 0;
  struct cmsghdr* head = CMSG_FIRSTHDR(&message);
  if (head == NULL || head->cmsg_type != SCM_RIGHTS) fail("a message without a descriptor", EINVAL);
  int fd;
  memcpy(&fd, CMSG_DATA(head), sizeof fd);
  check_flags(fd);
  return fd;
}

static void accept_all(size_t at) {
  char text[160];
  int fd;
  while ((fd = take(polls[at].fd, text, sizeof text)) >= 0) {
    printf("accept %d %s\n", watched[at].id, text);
    if (strcmp(watched[at].mode, "drop") == 0) {
      close(fd);
    } else if (strcmp(watched[at].mode, "speak") == 0) {
      send_text(fd, "hello|", 6);
      shutdown(fd, SHUT_WR);
      watch(fd, SPEAK, watched[at].id, "");
    } else {
      watch(fd, ECHO, watched[at].id, "");
    }
  }
  if (fd == -2) {
    printf("hangup %d\n", watched[at].id);
    drop(at);
  }
}

static void events(size_t at) {
  static char pending[1 << 17];
  static size_t held;
  for (;;) {
    ssize_t n = read(polls[at].fd, pending + held, sizeof pending - held);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      printf("events-end\n");
      held = 0;
      drop(at);
      return;
    }
    held += (size_t)n;
    char* newline;
    while ((newline = memchr(pending, '\n', held)) != NULL) {
      size_t line = (size_t)(newline - pending) + 1;
      printf("event %.*s", (int)line, pending);
      held -= line;
      memmove(pending, newline + 1, held);
    }
  }
}

static void echo(size_t at) {
  for (;;) {
    ssize_t n = read(polls[at].fd, buffer, BUFFER);
    if (n < 0 && errno == EAGAIN) return;
    if (n == 0 && (polls[at].revents & POLLHUP) == 0) send_text(polls[at].fd, "|end", 4);
    if (n <= 0) {
      printf("closed %d %s\n", watched[at].id, (polls[at].revents & POLLHUP) != 0 ? "hangup" : "end");
      drop(at);
      return;
    }
    send_text(polls[at].fd, buffer, (size_t)n);
  }
}

static void speak(size_t at) {
  for (;;) {
    ssize_t n = read(polls[at].fd, buffer, BUFFER);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      printf("closed %d end\n", watched[at].id);
      drop(at);
      return;
    }
    printf("heard %d %.*s\n", watched[at].id, (int)n, buffer);
  }
}

static void packets(size_t at) {
  for (;;) {
    ssize_t n = recv(polls[at].fd, buffer, BUFFER, 0);
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) {
      printf("hangup %d\n", watched[at].id);
      drop(at);
      return;
    }
    send(polls[at].fd, buffer, (size_t)n, MSG_NOSIGNAL);
  }
}

static void process_facts(void) {
  int descriptors = -3; /* ".", ".." and the directory's own */
  DIR* dir = opendir("/proc/self/fd");
  while (readdir(dir) != NULL) descriptors++;
  closedir(dir);
  char line[256], caught[64] = "", threads[64] = "";
  FILE* status = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, status) != NULL) {
    sscanf(line, "SigCgt: %63s", caught);
    sscanf(line, "Threads: %63s", threads);
  }
  fclose(status);
  printf("process fds=%d caught=%s threads=%s\n", descriptors, caught, threads);
}

static void unlisten(int id) {
  for (nfds_t i = 0; i < count; i++) {
    if (watched[i].id == id && (watched[i].kind == LISTENER || watched[i].kind == PACKET)) drop(i);
  }
}

static void take_held(int id) {
  char text[160];
  for (nfds_t i = 0; i < count; i++) {
    if (watched[i].id != id || watched[i].kind != LISTENER) continue;
    int taken = 0, fd;
    while ((fd = take(polls[i].fd, text, sizeof text)) >= 0) {
      close(fd);
      taken++;
    }
    printf("took %d %d\n", id, taken);
  }
}

static void listen_command(const char* line) {
  int id, port, flags;
  char mode[8];
  if (sscanf(line, "listen %d %d %d %7s", &id, &port, &flags, mode) != 4) fail(line, EINVAL);
  int fd = ek_node_listen(node, id, "tcp", port, flags);
  report("listen", fd);
  if (fd < 0) return;
  check_flags(fd);
  size_t at = watch(fd, LISTENER, id, mode);
  if (strcmp(mode, "hold") == 0) polls[at].events = 0;
}

static void node_command(const char* options) {
  node = ek_node_new(options);
  report("node", node);
  if (node < 0) return;
  int fd = ek_node_events(node);
  check_flags(fd);
  watch(fd, EVENTS, 0, "");
}

static void packet_command(int id, int port) {
  int fd = ek_node_listen_packet(node, id, "", port);
  report("packet", fd);
  if (fd < 0) return;
  check_flags(fd);
  watch(fd, PACKET, id, "");
}

static void command(char* line) {
  int id, port;
  char text[512];
  if (strncmp(line, "node ", 5) == 0) {
    node_command(line + 5);
  } else if (strcmp(line, "start") == 0) {
    report("start", ek_node_start(node, NULL));
  } else if (sscanf(line, "start %511s", text) == 1) {
    report("start", ek_node_start(node, text));
  } else if (strcmp(line, "close") == 0) {
    ek_node_close(node);
    ek_node_close(node); /* as harmless as once */
    report("close", ek_node_start(node, NULL));
  } else if (strncmp(line, "listen ", 7) == 0) {
    listen_command(line);
  } else if (sscanf(line, "packet %d %d", &id, &port) == 2) {
    packet_command(id, port);
  } else if (sscanf(line, "whois %d %511s", &id, text) == 2) {
    report("whois", ek_node_whois(node, id, text));
  } else if (sscanf(line, "cert %d %511s", &id, text) == 2) {
    report("cert", ek_node_cert(node, id, text));
  } else if (sscanf(line, "unlisten %d", &id) == 1) {
    unlisten(id);
  } else if (sscanf(line, "take %d", &id) == 1) {
    take_held(id);
  } else if (strcmp(line, "process") == 0) {
    process_facts();
  } else {
    fail(line, EINVAL);
  }
}

static void input(void) {
  static char pending[8192];
  static size_t held;
  ssize_t n = read(0, pending + held, sizeof pending - held);
  if (n <= 0) exit(0);
  held += (size_t)n;
  char* newline;
  while ((newline = memchr(pending, '\n', held)) != NULL) {
    *newline = 0;
    command(pending);
    held -= (size_t)(newline - pending) + 1;
    memmove(pending, newline + 1, held);
  }
}

static void on_signal(int number) {
  (void)number;
  if (write(1, "signal\n", 7) != 7) _exit(2);
}

int main(void) {
  setvbuf(stdout, NULL, _IOLBF, 0);
  /* As libuv installs its handlers: without SA_ONSTACK. */
  struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
  sigaction(SIGHUP, &action, NULL);
  watch(0, INPUT, 0, "");
  for (;;) {
    if (poll(polls, count, -1) < 0 && errno != EINTR) fail("poll", errno);
    nfds_t ready = count; /* handlers append */
    for (size_t i = 0; i < ready; i++) {
      if (polls[i].fd < 0 || polls[i].revents == 0 || strcmp(watched[i].mode, "hold") == 0) continue;
      switch (watched[i].kind) {
        case INPUT:
          input();
          break;
        case EVENTS:
          events(i);
          break;
        case LISTENER:
          accept_all(i);
          break;
        case PACKET:
          packets(i);
          break;
        case ECHO:
          echo(i);
          break;
        case SPEAK:
          speak(i);
          break;
        case FREE:
          break;
      }
    }
    compact();
  }
}
