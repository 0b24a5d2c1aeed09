#include <signal.h>
#include <stddef.h>

#include "evenkeel_node.h"

/* A handler without SA_ONSTACK that the kernel runs on a thread of Go would run on a goroutine's stack
 * of a few kilobytes and write past it. Threads that have no alternate stack are not affected. */
int ek_node_signals_on_stack(void) {
  int changed = 0;
  for (int number = 1; number < NSIG; number++) {
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0) continue;
    if ((action.sa_flags & SA_ONSTACK) != 0) continue;
    if (action.sa_handler == SIG_DFL || action.sa_handler == SIG_IGN) continue;
    action.sa_flags |= SA_ONSTACK;
    if (sigaction(number, &action, NULL) == 0) changed++;
  }
  return changed;
}
