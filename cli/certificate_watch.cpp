#include "certificate_watch.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "certificate_text.hpp"

namespace evenkeel::cli {
namespace {

// The files of one certificate are looked at in the same tick, one after the other.
constexpr std::chrono::milliseconds settle{100};
// How long files may contradict each other before that is worth a word.
constexpr std::chrono::milliseconds patience{5'000};
constexpr std::chrono::milliseconds day = std::chrono::hours(24);

std::uint64_t count_of(std::chrono::milliseconds duration) noexcept {
  return static_cast<std::uint64_t>(duration.count());
}

std::chrono::sys_seconds now() noexcept {
  return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
}

// "app.example.com, *.example.com, until 2027-01-31; ...".
std::string text_of(const std::vector<CertificateInfo>& certificates) {
  std::string text;
  for (const CertificateInfo& certificate : certificates) {
    if (!text.empty()) text += "; ";
    text += fmt::format("{}, until {}", names_text(certificate), date_text(certificate.not_after));
  }
  return text;
}

}  // namespace

CertificateWatch::CertificateWatch(uv_loop_t* loop, LogSink& log, std::chrono::milliseconds interval)
    : loop_(loop), log_(log), interval_(interval) {}

CertificateWatch::~CertificateWatch() = default;

int CertificateWatch::start() {
  uv_timer_init(loop_, &tick_);
  uv_timer_init(loop_, &daily_);
  tick_.data = daily_.data = this;
  started_ = true;
  return uv_timer_start(
      &daily_,
      [](uv_timer_t* timer) {
        auto& watch = *static_cast<CertificateWatch*>(timer->data);
        for (const auto& served : watch.served_) watch.warn_of_expiry(*served);
      },
      count_of(day), count_of(day));
}

void CertificateWatch::add(std::shared_ptr<const PortSpec> port, std::shared_ptr<TlsServer> server) {
  Served& served = *served_.emplace_back(std::make_unique<Served>(std::move(port), std::move(server)));
  for (const CertificateFiles& files : served.port->tls.certificates) {
    watch(files.certificate, served);
    watch(files.key, served);
  }
  if (!served.port->tls.client_ca.empty()) watch(served.port->tls.client_ca, served);
  // What came between the first reading and the first look would never be seen as a change.
  served.changed = true;
  start_tick(interval_);
  warn_of_expiry(served);
}

void CertificateWatch::watch(const std::string& path, Served& served) {
  const auto known = std::ranges::find_if(files_, [&](const auto& file) { return file->path == path; });
  if (known != files_.end()) return (*known)->served.push_back(&served);
  File& file = *files_.emplace_back(std::make_unique<File>(*this, path, std::vector<Served*>{&served}));
  uv_fs_poll_init(loop_, &file.poll);
  file.poll.data = &file;
  const auto changed = [](uv_fs_poll_t* poll, int, const uv_stat_t*, const uv_stat_t*) {
    auto& at = *static_cast<File*>(poll->data);
    at.owner.on_change(at);
  };
  // Fails without memory only.
  (void)uv_fs_poll_start(&file.poll, changed, file.path.c_str(), static_cast<unsigned>(interval_.count()));
}

void CertificateWatch::remove(const TlsServer& server) {
  const auto gone =
      std::ranges::find_if(served_, [&](const auto& served) { return served->server.get() == &server; });
  if (gone == served_.end()) return;
  for (const auto& file : files_) std::erase(file->served, gone->get());
  const auto unused = std::ranges::partition(files_, [](const auto& file) { return !file->served.empty(); });
  for (auto& file : unused) close(std::move(file));
  files_.erase(unused.begin(), unused.end());
  served_.erase(gone);
}

void CertificateWatch::close(std::unique_ptr<File> file) {
  uv_close(reinterpret_cast<uv_handle_t*>(&file.release()->poll),
           [](uv_handle_t* handle) { const std::unique_ptr<File> gone(static_cast<File*>(handle->data)); });
}

void CertificateWatch::close() {
  if (!std::exchange(started_, false)) return;
  for (auto& file : files_) close(std::move(file));
  files_.clear();
  uv_close(reinterpret_cast<uv_handle_t*>(&tick_), nullptr);
  uv_close(reinterpret_cast<uv_handle_t*>(&daily_), nullptr);
}

void CertificateWatch::on_change(const File& file) {
  for (Served* served : file.served) served->changed = true;
  start_tick(settle);
}

void CertificateWatch::start_tick(std::chrono::milliseconds delay) {
  uv_timer_start(
      &tick_, [](uv_timer_t* timer) { static_cast<CertificateWatch*>(timer->data)->on_tick(); },
      count_of(delay), 0);
}

void CertificateWatch::on_tick() {
  bool again = false;
  for (const auto& served : served_) {
    if (served->changed && !read(*served, Asked::by_files)) again = true;
  }
  if (again) start_tick(interval_);
}

void CertificateWatch::reload_all() {
  if (!started_) return;
  bool again = false;
  for (const auto& served : served_) {
    if (!read(*served, Asked::by_a_person)) again = true;
  }
  if (again) start_tick(interval_);
}

bool CertificateWatch::read(Served& served, Asked asked) {
  const auto reloaded = served.server->reload();
  served.changed = !reloaded;
  if (!reloaded) {
    keep(served, reloaded.error(), asked);
    return false;
  }
  served.since.reset();
  served.told.clear();
  if (*reloaded || asked == Asked::by_a_person) {
    tell(LogLevel::info, *reloaded ? "certificate_reloaded" : "certificate_unchanged", served, "certificates",
         text_of(served.server->certificates()));
  }
  if (*reloaded) warn_of_expiry(served);
  return true;
}

// The old one goes on.
void CertificateWatch::keep(Served& served, const TlsFailure& reason, Asked asked) {
  const std::uint64_t now = uv_now(loop_);
  if (!served.since) served.since = now;
  const bool told = served.told == reason && asked == Asked::by_files;
  const bool early = now - *served.since < count_of(patience) && asked == Asked::by_files;
  if (told || early) return;
  served.told = reason;
  tell(LogLevel::warning, "certificate_kept", served, "reason", reason);
}

void CertificateWatch::warn_of_expiry(const Served& served) {
  for (const CertificateInfo& certificate : served.server->certificates()) {
    const std::string warning = expiry_warning(certificate, now());
    if (warning.empty()) continue;
    const std::string names = names_text(certificate);
    const std::string until = date_text(certificate.not_after);
    const std::array<LogField, 5> fields{{{"proxy", served.port->proxy},
                                          {"port", served.port->key},
                                          {"names", names},
                                          {"until", until},
                                          {"reason", warning}}};
    log_.log(LogLevel::warning, "certificate_expires", fields);
  }
}

void CertificateWatch::tell(LogLevel level, std::string_view event, const Served& served,
                            std::string_view key, std::string_view value) {
  const std::array<LogField, 3> fields{
      {{"proxy", served.port->proxy}, {"port", served.port->key}, {key, value}}};
  log_.log(level, event, fields);
}

}  // namespace evenkeel::cli
