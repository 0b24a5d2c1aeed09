#include "reloader.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace evenkeel::cli {
namespace {

constexpr std::chrono::milliseconds settle_time{200};
constexpr std::chrono::milliseconds file_retry_time{2'000};

}  // namespace

// Owns itself while it is under way: the loop may be about to end.
struct Reloader::Work : uv_work_t {
  Work(Reloader& reloader, std::shared_ptr<const SpecSource> its_source)
      : owner(reloader),
        source(std::move(its_source)),
        found(reloader.found_),
        before(reloader.before_),
        is_retry(reloader.is_retry_) {
    data = this;
  }
  Reloader& owner;
  std::shared_ptr<const SpecSource> source;  // null: the files
  std::shared_ptr<const DockerFindings> found;
  std::shared_ptr<const FoundBefore> before;
  const bool is_retry;
  std::optional<Loaded> loaded;
};

Reloader::Reloader(uv_loop_t* loop, LogSink& log, Load load, Events events)
    : loop_(loop), log_(log), load_(std::move(load)), events_(std::move(events)) {}

Reloader::~Reloader() = default;

int Reloader::watch(const std::string& path, std::chrono::milliseconds interval) {
  uv_fs_poll_init(loop_, &file_);
  file_.data = this;
  watches_ = true;
  return uv_fs_poll_start(
      &file_,
      [](uv_fs_poll_t* poll, int status, const uv_stat_t*, const uv_stat_t*) {
        // Gone for a moment, while somebody replaces it.
        if (status == 0) static_cast<Reloader*>(poll->data)->reload("the file has changed");
      },
      path.c_str(), static_cast<unsigned>(interval.count()));
}

int Reloader::watch_directory(const std::string& path) {
  directory_path_ = path;
  uv_fs_event_init(loop_, &directory_);
  uv_timer_init(loop_, &settle_);
  directory_.data = settle_.data = this;
  watches_directory_ = true;
  const int failed = look_at_directory();
  // What has come since the spec was read is not missed.
  if (failed == 0) reload_soon();
  return failed;
}

int Reloader::look_at_directory() {
  uv_fs_event_stop(&directory_);
  return uv_fs_event_start(
      &directory_,
      [](uv_fs_event_t* event, const char* name, int, int) {
        // Hidden files are somebody's who is not done, but for the link that config maps move.
        const std::string_view changed = name == nullptr ? "" : name;
        if (!changed.starts_with('.') || changed == "..data")
          static_cast<Reloader*>(event->data)->reload_soon();
      },
      directory_path_.c_str(), 0);
}

// At most so long after the first change, however many more there are.
void Reloader::reload_soon() {
  if (uv_is_active(reinterpret_cast<uv_handle_t*>(&settle_)) != 0) return;
  uv_timer_start(
      &settle_,
      [](uv_timer_t* timer) {
        static_cast<Reloader*>(timer->data)->reload("a file of discovery has changed");
      },
      static_cast<std::uint64_t>(settle_time.count()), 0);
}

void Reloader::try_again_later() {
  if (!std::exchange(retries_, true)) {
    uv_timer_init(loop_, &retry_);
    retry_.data = this;
  }
  uv_timer_start(
      &retry_,
      [](uv_timer_t* timer) {
        auto& its = *static_cast<Reloader*>(timer->data);
        if (its.is_loading_) return its.try_again_later();
        its.is_retry_ = true;
        its.load("a file that was missing");
      },
      static_cast<std::uint64_t>(file_retry_time.count()), 0);
}

void Reloader::found(const DockerFindings& findings) {
  found_ = std::make_shared<const DockerFindings>(findings);
  load("containers have changed");
}

void Reloader::reload(std::string_view why) {
  reads_files_ = true;
  load(why);
}

void Reloader::load(std::string_view why) {
  if (closed_) return;
  why_ = why;
  again_ = is_loading_;
  if (std::exchange(is_loading_, true)) return;
  // Another directory may have its name by now. Where there is none, the reading says so. What the old watch
  // has still to tell is read now, and only now: it would be lost for whoever does not read.
  if (watches_directory_ && reads_files_) (void)look_at_directory();
  auto work = std::make_unique<Work>(*this, std::exchange(reads_files_, false) ? nullptr : source_);
  is_retry_ = false;
  const int queued = uv_queue_work(
      loop_, work.get(),
      [](uv_work_t* request) {
        auto& its = *static_cast<Work*>(request->data);
        its.loaded = its.owner.load_(its.source, *its.found, *its.before);
      },
      [](uv_work_t* request, int) {
        auto& its = *static_cast<Work*>(request->data);
        its.owner.on_loaded(std::unique_ptr<Work>(&its));
      });
  if (queued != 0) {
    is_loading_ = false;
    return;
  }
  // What is tried quietly, every few seconds, is no reload.
  if (!work.release()->is_retry) events_.begun();
}

void Reloader::on_loaded(std::unique_ptr<Work> work) {
  is_loading_ = false;
  if (closed_) return;
  // Files that are read once more may be right by then.
  if (!*work->loaded && !reads_files_) refuse(work->loaded->error());
  if (*work->loaded) take(*work, **work->loaded);
  if (!work->is_retry) events_.ended();
  // What containers ask for is not refused with the files that it was read with.
  const bool is_owed = !work->source && applied_ != work->found;
  if (std::exchange(again_, false) || is_owed) load(std::string(why_));
}

void Reloader::take(const Work& work, LoadedSpec& loaded) {
  // In whatever order they were found.
  std::ranges::sort(loaded.left_out);
  if (loaded.misses_files) try_again_later();
  if (work.is_retry && loaded.left_out == left_out_) return;
  auto source = loaded.source;
  auto before = loaded.found;
  auto left_out = loaded.left_out;
  if (!events_.apply(std::move(loaded))) return;
  source_ = std::move(source);
  applied_ = work.found;
  before_ = std::move(before);
  left_out_ = std::move(left_out);
}

// What runs goes on.
void Reloader::refuse(const std::vector<SpecError>& errors) {
  for (const SpecError& error : errors) {
    const std::array<LogField, 3> fields{
        {{"pointer", error.pointer}, {"reason", error.problem}, {"expected", error.expected}}};
    log_.log(LogLevel::error, "spec_error", fields);
  }
  const std::string count = std::to_string(errors.size());
  const std::array<LogField, 2> fields{{{"why", why_}, {"errors", count}}};
  log_.log(LogLevel::error, "reload_refused", fields);
}

void Reloader::close() {
  closed_ = true;
  if (std::exchange(watches_directory_, false)) {
    uv_close(reinterpret_cast<uv_handle_t*>(&directory_), nullptr);
    uv_close(reinterpret_cast<uv_handle_t*>(&settle_), nullptr);
  }
  if (std::exchange(retries_, false)) uv_close(reinterpret_cast<uv_handle_t*>(&retry_), nullptr);
  if (std::exchange(watches_, false)) uv_close(reinterpret_cast<uv_handle_t*>(&file_), nullptr);
}

}  // namespace evenkeel::cli
