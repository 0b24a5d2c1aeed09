// The spec, read again: when somebody asks, or when its file has changed.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <uv.h>

#include "evenkeel/docker_discovery.hpp"
#include "evenkeel/error.hpp"
#include "evenkeel/log.hpp"

#include "spec_file.hpp"

namespace evenkeel::cli {

// One loading at a time, off the loop; what is asked meanwhile is asked for once more. What containers ask
// for does not wait for a file that is wrong, nor does it let in what nobody has asked to be read.
//
// Thread rule: the loop's. Lifetime: the loop runs until the handles that close() lets go of are gone.
class Reloader {
 public:
  using Loaded = std::expected<LoadedSpec, std::vector<SpecError>>;
  // What `source` says, or, where it is null, the files anew; with what containers ask for, who have what
  // they had `before`.
  using Load = std::function<Loaded(const std::shared_ptr<const SpecSource>& source,
                                    const DockerFindings& found, const FoundBefore& before)>;
  struct Events {
    std::function<void()> begun;
    std::function<bool(LoadedSpec)> apply;  // false: it cannot be
    std::function<void()> ended;            // applied, or refused; each `begun` has one
  };

  static constexpr std::chrono::milliseconds usual_interval{2'000};

  // `load` is called on another thread.
  Reloader(uv_loop_t* loop, LogSink& log, Load load, Events events);
  ~Reloader();
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // What runs: what containers ask for is added to it, whatever its files say by now.
  void runs(std::shared_ptr<const SpecSource> source) { source_ = std::move(source); }
  // Reloads when the file that has this name is another one, or says something else. 0, or a libuv error.
  int watch(const std::string& path, std::chrono::milliseconds interval = usual_interval);
  // The same for a directory: files that come, go, or are written.
  int watch_directory(const std::string& path);
  // From now on part of what runs. Where a file is missing, it is tried again until it is there.
  void found(const DockerFindings& findings);
  // Reads the files. `why` for the log: "SIGHUP".
  void reload(std::string_view why);
  void close();

 private:
  struct Work;
  int look_at_directory();
  void reload_soon();
  void try_again_later();
  void load(std::string_view why);
  void on_loaded(std::unique_ptr<Work> work);
  void take(const Work& work, LoadedSpec& loaded);
  void refuse(const std::vector<SpecError>& errors);

  uv_loop_t* const loop_;
  LogSink& log_;
  const Load load_;
  const Events events_;
  std::shared_ptr<const SpecSource> source_;
  std::shared_ptr<const DockerFindings> found_ = std::make_shared<const DockerFindings>();
  std::shared_ptr<const DockerFindings> applied_ = found_;
  std::shared_ptr<const FoundBefore> before_ = std::make_shared<const FoundBefore>();
  std::vector<DockerProblem> left_out_;  // of what containers ask for
  std::string why_;
  bool is_loading_ = false;
  bool again_ = false;        // once more after that
  bool reads_files_ = false;  // the next loading does
  bool is_retry_ = false;     // the next loading is for nothing but files that were missing
  bool closed_ = false;
  bool watches_ = false;
  uv_fs_poll_t file_{};
  bool watches_directory_ = false;
  std::string directory_path_;
  uv_fs_event_t directory_{};
  uv_timer_t settle_{};  // until whoever changes a directory is done
  bool retries_ = false;
  uv_timer_t retry_{};
};

}  // namespace evenkeel::cli
