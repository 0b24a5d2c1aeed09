/* A tailnet node inside this process: tailscale.com/tsnet behind file descriptors.
 *
 * Shape. Nothing here blocks and nothing calls back: every function returns at once, and what
 * happens later is read from descriptors that the caller's loop polls. No Go type crosses this line.
 *
 * Threads. Every function may be called from any thread, and concurrently.
 *
 * Errors. Functions that return int give a value >= 0, or -errno: -EBADF (no such node),
 * -EINVAL (an argument is out of range or not understood), -EALREADY, -EAGAIN (a limit is reached;
 * ask again later), -EMFILE and the like from making a socket pair.
 *
 * Descriptors. Each descriptor that is returned or received belongs to the caller, who closes it; all
 * are non-blocking and close-on-exec. Closing one is how the other side is told to stop. The Go
 * runtime itself holds four from its first use on.
 *
 * Memory. Strings are copied before a function returns. The auth key is never written to a log,
 * an event or the disk by this code; what tsnet says is scrubbed of it first.
 *
 * Signals. The Go runtime starts when this library is loaded. It installs handlers for SIGSEGV, SIGBUS and
 * SIGFPE (a fault outside Go goes to the handler that was there before), SIGPIPE and SIGURG (its own
 * preemption), and no others: SIGTERM, SIGINT, SIGHUP, SIGCHLD and the rest stay the host's.
 *  - The host must not set SIGPIPE back to SIG_DFL afterwards; SIG_IGN is fine.
 *  - A signal may land on a thread of Go, whose stack is small: every handler in the process needs
 *    SA_ONSTACK. libuv's has none. See ek_node_signals_on_stack().
 * After fork() without exec, none of this may be used in the child. */
#ifndef EVENKEEL_NODE_H
#define EVENKEEL_NODE_H

#ifdef __cplusplus
extern "C" {
#endif

/* Makes a node; it does not start it. options_json is one object:
 *   hostname    string, required: the name on the tailnet
 *   stateDir    string: where the node's identity and certificates live (made, 0700). Empty: in
 *               memory, with a temporary directory that goes when the node does; needs ephemeral
 *   ephemeral   bool: the control server forgets the node soon after it goes
 *   controlUrl  string: empty for Tailscale's own
 *   tags        array of strings, each "tag:name"
 *   verbose     bool: tsnet's logs as {"event":"log"} events; otherwise they go nowhere
 * Unknown keys are -EINVAL. Returns a handle > 0. Nothing is uploaded to Tailscale's log service
 * (process-wide, from the first call on). */
int ek_node_new(const char* options_json);

/* The event stream of a node: one end of a SOCK_STREAM pair, once per node (then -EALREADY).
 * Newline-delimited JSON, each line at most 64 KiB. Reader: ignore unknown events and keys.
 *
 *   {"event":"state","state":S, ...}   S is the newest state; one not yet read is replaced by it, so
 *                                      a slow reader sees fewer of them, never an outdated last one.
 *       "Starting"   coming up
 *       "NeedsLogin" "authUrl": where a person logs the node in (absent until known). Without: a node that
 *                    had a login has lost it, its key has expired. Started with an auth key it waits for a new
 *                    start; else a page to log in at is asked for
 *       "NeedsMachineAuth"  waits for the tailnet's admin
 *       "Running"    "addresses": [v4, v6], "dnsName": "app.tailnet.ts.net" (no final dot),
 *                    "certDomains": [...]. Told again when any of them changes
 *       "Stopped"    the tailnet or its admin stopped the node
 *       "Failed"     "error": this attempt is over and cleaned up; call ek_node_start again when
 *                    the back-off says so. An unreachable control server is not a failure: tsnet goes on
 *                    trying, in "Starting"
 *       All but Running and Failed may have "health": [text...], what tsnet thinks is in the way
 *   {"event":"error","error":E}        the control server complained of a node that is up
 *   {"event":"listen","id":N,"port":P} the listener N is bound (again after each new start)
 *   {"event":"listen","id":N,"error":E}  it cannot be now; it is tried again, later each time
 *   {"event":"drops","id":N,"toHost":A,"fromHost":B}  datagrams lost so far by packet listener N,
 *                                      client to host and host to client; at most once a second
 *   {"event":"whois","id":N,"found":true,"login":L,"displayName":D,"profilePic":U,"nodeName":H,
 *                    "tags":[...]}     or "found":false, or "error":E. login is empty for a tagged node
 *   {"event":"cert","id":N,"pem":P}    private key, then the chain; or "error":E and, where the CA
 *                                      limits the rate, "retryAfter": seconds (0: not said)
 *   {"event":"log","text":T}           with verbose; lines lost are told by "lost":N
 *
 * Bounds, per node, for a reader that does not read: 1 state, 1 drops and 1 listen event per listener, 16
 * errors, EK_NODE_MAX_WHOIS + EK_NODE_MAX_CERT answers, 256 log lines of at most 1 KiB. Go never waits for
 * it.
 *
 * End of file: the node is gone, with every thread of work and descriptor it had (see ek_node_close). */
int ek_node_events(int node);

/* Begins coming up, in the background. auth_key: an auth key or OAuth client secret; NULL or empty: TS_AUTHKEY of the
 * environment at program start, else interactive login (authUrl of the state event). Called again: -EALREADY while the node is Running; otherwise the
 * attempt under way is dropped and a new one begins (that is also how a start is given a time limit).
 * Listeners stay and are bound to the new attempt. Also does what ek_node_signals_on_stack does. */
int ek_node_start(int node, const char* auth_key);

#define EK_NODE_FUNNEL 1      /* also take connections from the internet: port 443, 8443 or 10000 */
#define EK_NODE_FUNNEL_ONLY 2 /* with EK_NODE_FUNNEL: and none from the tailnet */

/* Listens for TCP on the node's own addresses; may be called before the node is up, and outlives its
 * restarts. network is "tcp". id is the caller's, > 0, named in the events. Returns one end of a
 * SOCK_SEQPACKET pair:
 *
 *   each message is one connection: SCM_RIGHTS with one SOCK_STREAM descriptor, and the text
 *       src=100.64.0.2:41000 dst=100.64.0.1:443 funnel=0
 *   or  src=[fd7a:115c:a1e0::2]:41000 dst=[fd7a:115c:a1e0::1]:443 funnel=0
 *   (no newline, no NUL, at most 128 bytes; funnel=1: from the internet, src is the client there).
 *   Read it with MSG_CMSG_CLOEXEC: close-on-exec does not travel with a descriptor; O_NONBLOCK does.
 *
 * The bytes are as the client sent them: TLS is not terminated, for Funnel neither.
 * Back-pressure: some 80 unread messages wait in the socket; after that Go accepts no more, and tsnet
 * drops a connection that nobody accepts within a second.
 * Closing the descriptor closes the listener and every connection still in it, not those taken. End of file
 * on it: the node was closed.
 *
 * A connection's descriptor:
 *   client's FIN            read gives 0, EPOLLRDHUP; writing goes on
 *   shutdown(SHUT_WR)       sends FIN; reading goes on
 *   client's reset          read gives 0 with EPOLLHUP, write gives EPIPE (a Unix socket pair cannot
 *                           say ECONNRESET unless bytes were lost: then it does)
 *   close()                 closes the connection once what was written is sent; a client that goes on
 *                           sending is reset
 * Go holds at most EK_NODE_COPY_BYTES each way beside the socket's and TCP's own buffers. */
#define EK_NODE_COPY_BYTES 32768
int ek_node_listen(int node, int id, const char* network, int port, int flags);

/* Listens for UDP. ip: one of the node's addresses, or "" for its IPv4 and its IPv6 both. Returns one end
 * of a SOCK_SEQPACKET pair; each message, both ways, is a header of EK_NODE_PACKET_HEADER bytes and
 * the payload (which may be empty, and is at most 65507 bytes):
 *   byte 0       4 or 6: the family of the client's address
 *   byte 1       0
 *   bytes 2-3    the client's port, big endian
 *   bytes 4-19   the client's address, network order; IPv4 in the first four, the rest 0
 * A message that is not so is dropped and counted. Client to host: 256 datagrams wait in Go when the socket
 * is full, newer ones are dropped and counted. Closing the descriptor closes the listener. */
#define EK_NODE_PACKET_HEADER 20
int ek_node_listen_packet(int node, int id, const char* ip, int port);

/* Who is at addr ("ip:port" of a tailnet TCP client)? Answered by a whois event with the id, exactly
 * one, unless the node is closed first. -EAGAIN: EK_NODE_MAX_WHOIS unanswered or answers unread. A node that
 * is not up answers with an error. */
#define EK_NODE_MAX_WHOIS 1024
int ek_node_whois(int node, long id, const char* addr);

/* The certificate and key for domain (one of certDomains), from the cache or the CA, which can take
 * minutes. Answered like whois, with a limit of EK_NODE_MAX_CERT. */
#define EK_NODE_MAX_CERT 16
int ek_node_cert(int node, long id, const char* domain);

/* Ends a node: the handle is invalid from here on, its listeners and connections are closed. Returns at
 * once, also during a start; the work of ending (an ephemeral node logs out: up to some seconds)
 * goes on, and the event stream's end of file tells that it is over, or has taken longer than 15 seconds. Any number: nothing happens for
 * a handle that is not one. */
void ek_node_close(int node);

/* Adds SA_ONSTACK to each signal handler of this process that lacks it, and changes nothing else. To be
 * called after handlers were installed (libuv installs one at the first uv_signal_start of a signal).
 * Plain C, no Go runs. Returns how many were changed. */
int ek_node_signals_on_stack(void);

#ifdef __cplusplus
}
#endif
#endif
