// A byte stream over a non-blocking socket, TLS or not: reads on demand, writes at once, keeps what did not
// fit.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <sys/uio.h>

#include "evenkeel/error.hpp"

#include "base/buffer.hpp"
#include "net/fd.hpp"
#include "net/poller.hpp"
#include "net/reactor.hpp"
#include "net/tls_stream.hpp"

namespace evenkeel::net {

// Thread rule: the reactor's loop. A write is tried at once; writability matters only after EAGAIN.
class Connection : private IoHandler, private TlsLink {
 public:
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return static_cast<bool>(fd_); }
  [[nodiscard]] int descriptor() const noexcept { return fd_.get(); }
  // What goes over the socket is what is read and written here: splice(2) can move it.
  [[nodiscard]] bool is_plain() const noexcept { return !tls_; }
  // Bytes taken from write() (as they go over the wire) that the kernel has not taken yet.
  [[nodiscard]] std::size_t unsent() const noexcept { return unsent_.size(); }
  // Something to read, or an end, was reported that nobody has looked at.
  [[nodiscard]] bool has_news() const noexcept { return reactor_.poller().is_ready(fd_.get()); }
  [[nodiscard]] bool reads_paused() const noexcept { return (interest_ & io::readable) == 0; }

  // Nothing waits to be read and the peer has not hung up: an idle connection that can carry a request. What
  // TLS has to say for itself, such as session tickets, is taken in on the way.
  [[nodiscard]] bool is_quiet() noexcept;

  // Bytes read into `into`; 0 at the end of the stream, never after a reset. os_error EAGAIN when nothing is
  // there. At least as many as a record of TLS holds are worth asking for.
  Result<std::size_t> read(std::span<char> into) noexcept;
  // The same bytes without taking them, which leaves them to be read. Not over TLS.
  Result<std::size_t> peek(std::span<char> into) noexcept;
  // Writes the slices in order. What the kernel does not take is copied and sent later; see
  // unsent(), which the caller bounds by not writing more until on_drained(). Fails when the
  // connection is broken or memory is out; then nothing more can be sent.
  Result<void> write(std::span<const iovec> slices) noexcept;
  Result<void> write(std::string_view bytes) noexcept;
  // The socket takes no more now: on_drained() once it does again. For a sender that keeps its bytes
  // elsewhere.
  void tell_when_writable() noexcept;
  // The stream has ended, or holds urgent data: what stands before can only be read, not spliced.
  [[nodiscard]] bool has_odd_input() const noexcept { return reactor_.poller().reads_to_the_end(fd_.get()); }
  // on_readable() once the kernel has looked and found something.
  void ask_again() noexcept { reactor_.poller().ask_again(fd_.get()); }
  // splice(2), or is_quiet(), has found the socket empty; on_readable() once it is not.
  void note_empty() noexcept { reactor_.poller().used_up(fd_.get(), io::readable, true); }
  // FIN (and close_notify before it) once everything is out.
  void shut_write() noexcept;

  void pause_reads() noexcept { set_interest(interest_ & ~io::readable); }
  void resume_reads() noexcept { set_interest(interest_ | io::readable); }

 protected:
  // Whoever writes stops long before.
  static constexpr std::size_t max_unsent = 1'048'576;

  explicit Connection(Reactor& reactor) noexcept : reactor_(reactor), unsent_(reactor.blocks()) {}
  ~Connection() { close(); }

  // The socket can be read, or its reading side ended. Only while reads are not paused.
  virtual void on_readable() noexcept = 0;
  // Some of what write() had kept is out, but not all.
  virtual void on_partly_sent() noexcept = 0;
  // Everything that write() had kept is out, or tell_when_writable() has come true.
  virtual void on_drained() noexcept = 0;
  // The peer reset the connection, or hung up, while nobody was reading.
  virtual void on_failed() noexcept = 0;
  // A connect that was under way has ended, well or not: see connect_result().
  virtual void on_connect() noexcept {}
  // What secure() began has ended well.
  virtual void on_secured() noexcept {}
  // It has not: see tls().
  virtual void on_insecure() noexcept { on_failed(); }

  // Takes over an established socket, reads not paused.
  Result<void> open(Fd fd) noexcept;
  // Takes over a socket whose connect is under way: on_connect() follows.
  Result<void> open_connecting(Fd fd) noexcept;
  // From on_connect(): the connection stands.
  void listen_for_reads() noexcept { set_interest(io::readable); }
  // From here on the bytes are TLS: nothing may be read or written before on_secured(). False when memory is
  // out.
  [[nodiscard]] bool secure(SslPtr ssl) noexcept;
  [[nodiscard]] const TlsStream& tls() const noexcept { return *tls_; }
  // From on_insecure(): the peer did not mean TLS, and what is written now it can read.
  void speak_plainly() noexcept { tls_.reset(); }
  void close() noexcept;
  // Closes so that the peer sees RST instead of FIN: a cut, never a false end.
  void abort() noexcept;

  Reactor& reactor_;

 private:
  Result<void> open_watching(Fd fd, unsigned interest) noexcept;
  void on_io(unsigned events) noexcept final;
  Result<std::size_t> pull(std::span<char> into) noexcept final;
  bool push(std::string_view bytes) noexcept final;
  Result<std::size_t> receive(std::span<char> into) noexcept;
  Result<void> send(std::span<const iovec> slices) noexcept;
  void step_handshake() noexcept;
  enum class Sent : std::uint8_t { all, partly, broken };
  [[nodiscard]] Sent send_unsent() noexcept;
  [[nodiscard]] bool flush() noexcept;  // false: broken
  std::span<const iovec> join_short(std::span<const iovec> slices, std::span<iovec, 2> joined) noexcept;
  [[nodiscard]] ssize_t send_now(std::span<const iovec> slices) noexcept;
  void set_interest(unsigned interest) noexcept;

  Fd fd_;
  std::uint8_t interest_ = io::none;
  bool shut_when_sent_ = false;
  bool connecting_ = false;
  bool securing_ = false;   // the handshake is under way
  bool was_reset_ = false;  // a write was told
  std::unique_ptr<TlsStream> tls_;
  base::Buffer unsent_;
};

}  // namespace evenkeel::net
