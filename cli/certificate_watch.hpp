// Certificates that follow their files: whoever renews them need not tell anybody.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "evenkeel/config.hpp"
#include "evenkeel/log.hpp"
#include "evenkeel/tls.hpp"

namespace evenkeel::cli {

// Looks at each file every few seconds (by name, so that renaming and moving symbolic links are seen), and
// reads what changed. Certificate and key are seldom replaced in the same instant: what does not fit yet is
// tried again at the next tick, and told only when it stays so. Warns of certificates that expire, once a
// day.
//
// Thread rule: on the loop's thread. Lifetime: the loop must run until the handles that close() lets go of
// are gone; the log outlives it.
class CertificateWatch {
 public:
  static constexpr std::chrono::milliseconds usual_interval{2'000};

  CertificateWatch(uv_loop_t* loop, LogSink& log, std::chrono::milliseconds interval = usual_interval);
  ~CertificateWatch();
  CertificateWatch(const CertificateWatch&) = delete;
  CertificateWatch& operator=(const CertificateWatch&) = delete;

  // 0, or a libuv error. Nothing is polled where nothing is added.
  int start();
  // After start(). `server` is read anew, too: its files may have changed since it was made.
  void add(std::shared_ptr<const PortSpec> port, std::shared_ptr<TlsServer> server);
  void remove(const TlsServer& server);
  // Reads everything now, and tells what came of it.
  void reload_all();
  void close();

 private:
  // One port's certificates.
  struct Served {
    std::shared_ptr<const PortSpec> port;
    std::shared_ptr<TlsServer> server;
    bool changed = false;                     // and not read yet, or in vain
    std::optional<std::uint64_t> since = {};  // loop time at which it was first in vain
    std::string told = {};                    // the failure that the log has
  };
  // One file, of any number of ports.
  struct File {
    CertificateWatch& owner;
    std::string path;
    std::vector<Served*> served;
    uv_fs_poll_t poll{};
  };
  enum class Asked : std::uint8_t { by_files, by_a_person };

  void watch(const std::string& path, Served& served);
  static void close(std::unique_ptr<File> file);
  void on_change(const File& file);
  void start_tick(std::chrono::milliseconds delay);
  void on_tick();
  // False: to be tried again.
  bool read(Served& served, Asked asked);
  void keep(Served& served, const TlsFailure& reason, Asked asked);
  void warn_of_expiry(const Served& served);
  void tell(LogLevel level, std::string_view event, const Served& served, std::string_view key,
            std::string_view value);

  uv_loop_t* const loop_;
  LogSink& log_;
  const std::chrono::milliseconds interval_;
  std::vector<std::unique_ptr<Served>> served_;
  std::vector<std::unique_ptr<File>> files_;
  uv_timer_t tick_{};
  uv_timer_t daily_{};
  bool started_ = false;
};

}  // namespace evenkeel::cli
