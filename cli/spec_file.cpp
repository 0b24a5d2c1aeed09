#include "spec_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <expected>
#include <fcntl.h>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

#include <fmt/format.h>

#include "evenkeel/tailnet_node.hpp"

namespace evenkeel::cli {
namespace {

// Far above any sane spec; keeps `evenkeel run /dev/zero` from eating the machine.
constexpr std::size_t max_spec_bytes = std::size_t{16} << 20;

std::expected<std::string, std::string> read_all(int fd) {
  std::string text;
  std::array<char, 65'536> block{};
  for (;;) {
    const ssize_t count = ::read(fd, block.data(), block.size());
    if (count == 0) return text;
    if (count < 0) {
      if (errno == EINTR) continue;
      return std::unexpected(std::generic_category().message(errno));
    }
    text.append(block.data(), static_cast<std::size_t>(count));
    if (text.size() > max_spec_bytes) return std::unexpected("is larger than 16 MiB");
  }
}

std::expected<std::string, std::string> read_file(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(std::generic_category().message(errno));
  auto text = read_all(fd);
  ::close(fd);
  return text;
}

// The files of the directory that the spec names, in the order of their names. Where the spec has mistakes,
// who reads it whole finds them.
std::expected<std::vector<SpecFragment>, std::vector<SpecError>> read_fragments(const std::string& spec) {
  const auto config = parse_config(spec);
  std::vector<SpecFragment> fragments;
  if (!config || config->discovery.files.empty()) return fragments;
  const auto fail = [&](const std::string& path, const std::string& why) {
    return std::unexpected(std::vector<SpecError>{{"/discovery/files", path + " cannot be read: " + why,
                                                   "a directory of JSON files that this user may read"}});
  };
  std::error_code error;
  std::vector<std::filesystem::path> paths;
  for (std::filesystem::directory_iterator each(config->discovery.files, error), end; !error && each != end;
       each.increment(error)) {
    // Hidden ones are those that somebody is writing, and those that config maps keep their data in.
    const std::filesystem::path& path = each->path();
    if (path.extension() == ".json" && !path.filename().string().starts_with('.')) paths.push_back(path);
  }
  if (error) return fail(config->discovery.files, error.message());
  std::ranges::sort(paths);
  for (const std::filesystem::path& path : paths) {
    auto text = read_file(path.string());
    if (!text) return fail(path.string(), text.error());
    fragments.push_back({path.filename().string(), *std::move(text)});
  }
  return fragments;
}

// What ports inherit, each of them finds.
void add_once(std::vector<SpecError>& mistakes, SpecError mistake) {
  const bool known = std::ranges::any_of(mistakes, [&](const SpecError& other) {
    return other.pointer == mistake.pointer && other.problem == mistake.problem;
  });
  if (!known) mistakes.push_back(std::move(mistake));
}

// A port that listened elsewhere than the spec says would be worse than none.
std::vector<SpecError> what_this_build_lacks(std::span<const PortSpec> ports) {
  std::vector<SpecError> mistakes;
  if (TailnetNode::available()) return mistakes;
  for (const PortSpec& port : ports) {
    if (port.tailnet.mode != TailnetMode::node) continue;
    add_once(mistakes,
             {port.places.tailnet, "asks for a node of its own, which this build cannot be",
              "mode \"host\", or a build with -DEVENKEEL_TAILNET_NODE=ON, which needs Go 1.26.6 or newer"});
  }
  return mistakes;
}

// Adds the files that these ports name to `all`. What is `known` is not read again.
void load_files(std::span<const PortSpec> ports, const FoundBefore& known, std::vector<PortTls>& all,
                std::vector<SpecError>& mistakes) {
  for (const PortSpec& port : ports) {
    std::vector<SpecError> found;
    const auto before = known.find({port.proxy, port.key});
    const bool is_known = before != known.end() && before->second.server == port.tls &&
                          before->second.client == port.target_tls;
    all.push_back(is_known ? before->second.made : load_tls(port, found));
    for (SpecError& mistake : found) add_once(mistakes, std::move(mistake));
  }
}

// To a spec that is right without them.
class FoundPorts {
 public:
  // `known` has files that need not be read again.
  FoundPorts(LoadedSpec& loaded, const FoundBefore& known)
      : loaded_(loaded), known_(known), own_(*loaded.source), fragments_(own_.fragments) {}

  // All at once where that is right, which is the rule; else by halves. None stands for the mistakes of
  // another, and those that are first have what two want.
  void add(std::span<const DockerPort> ports) {
    if (ports.empty()) return;
    const std::vector<SpecError> mistakes = attempt(ports);
    if (mistakes.empty()) return;
    if (ports.size() == 1) return add_rest(ports.front(), mistakes);
    add(ports.first(ports.size() / 2));
    add(ports.subspan(ports.size() / 2));
  }

 private:
  // What is wrong; or they are in.
  std::vector<SpecError> attempt(std::span<const DockerPort> ports) {
    const std::size_t before = fragments_.size();
    for (const DockerPort& port : ports) fragments_.push_back(port.fragment);
    std::vector<SpecError> mistakes = load();
    if (!mistakes.empty()) fragments_.resize(before);
    return mistakes;
  }

  std::vector<SpecError> load() {
    auto config = parse_config(own_.text, fragments_);
    if (!config) return std::move(config).error();
    std::vector<PortTls> tls = own_.tls;
    const auto found = std::span(config->ports).subspan(tls.size());
    std::vector<SpecError> mistakes = what_this_build_lacks(found);
    if (!mistakes.empty()) return mistakes;
    load_files(found, known_, tls, mistakes);
    loaded_.misses_files = loaded_.misses_files || !mistakes.empty();
    if (!mistakes.empty()) return mistakes;
    loaded_.config = *std::move(config);
    loaded_.tls = std::move(tls);
    return {};
  }

  // A mistake costs the target that it is in; each turn takes one away.
  void add_rest(DockerPort port, std::vector<SpecError> mistakes) {
    while (!mistakes.empty()) {
      for (const SpecError& mistake : mistakes) loaded_.left_out.push_back(port.blame(mistake));
      auto rest = port.without(mistakes);
      if (!rest) return;
      port = *std::move(rest);
      mistakes = attempt(std::span(&port, 1));
    }
  }

  LoadedSpec& loaded_;
  const FoundBefore& known_;
  const SpecSource& own_;
  std::vector<SpecFragment> fragments_;
};

// Whether the spec itself wants the place that a container's port had: what it wants it has.
bool takes(const PortSpec& own, const std::string& proxy, const FoundPort& had) noexcept {
  const bool is_same_host = own.tailnet.mode == TailnetMode::off || own.proxy == proxy;
  const bool is_same_transport = (own.protocol == Protocol::udp) == (had.protocol == Protocol::udp);
  return is_same_host && is_same_transport && own.port < had.port + had.port_count &&
         had.port < own.port + own.port_count;
}

// Why ports that were there before, and that containers ask for all the same, are not any more.
std::vector<SpecError> what_is_lost(const LoadedSpec& loaded, const DockerFindings& found,
                                    const FoundBefore& before) {
  if (!loaded.source->config.discovery.docker) return {};
  const bool is_any = std::ranges::any_of(found.ports, [&](const DockerPort& port) {
    const std::pair name{port.proxy, port.key};
    const auto had = before.find(name);
    return had != before.end() && !loaded.found->contains(name) &&
           std::ranges::none_of(loaded.source->config.ports,
                                [&](const PortSpec& own) { return takes(own, port.proxy, had->second); });
  });
  std::vector<SpecError> why;
  if (!is_any) return why;
  for (const DockerProblem& problem : std::span(loaded.left_out).subspan(found.problems.size()))
    why.push_back({"docker:" + problem.container + '#' + problem.label, problem.problem, problem.expected});
  return why;
}

}  // namespace

std::expected<std::string, std::vector<SpecError>> read_spec(const std::string& spec) {
  auto text = spec == "-" ? read_all(STDIN_FILENO) : read_file(spec);
  if (text) return *std::move(text);
  return std::unexpected(std::vector<SpecError>{
      {"", "cannot read the spec: " + text.error(), "a file that can be read, or \"-\" for standard input"}});
}

std::expected<LoadedSpec, std::vector<SpecError>> load_text(std::string text) {
  auto fragments = read_fragments(text);
  if (!fragments) return std::unexpected(std::move(fragments).error());
  auto config = parse_config(text, *fragments);
  if (!config) return std::unexpected(std::move(config).error());
  std::vector<SpecError> mistakes = what_this_build_lacks(config->ports);
  std::vector<PortTls> tls;
  load_files(config->ports, {}, tls, mistakes);
  if (!mistakes.empty()) return std::unexpected(std::move(mistakes));
  return LoadedSpec(std::make_shared<const SpecSource>(std::move(text), *std::move(fragments),
                                                       *std::move(config), std::move(tls)));
}

std::expected<LoadedSpec, std::vector<SpecError>> load_spec(const std::string& spec) {
  auto text = read_spec(spec);
  if (!text) return std::unexpected(std::move(text).error());
  return load_text(*std::move(text));
}

std::vector<SpecError> add_found(LoadedSpec& loaded, const DockerFindings& found, const FoundBefore& before,
                                 bool anew) {
  loaded.left_out = found.problems;
  std::vector<DockerPort> ports;
  ports.reserve(found.ports.size());
  for (const DockerPort& port : found.ports) {
    auto fitted = port.fitted(loaded.source->config.tailnet, loaded.left_out);
    if (fitted) ports.push_back(*std::move(fitted));
  }
  std::ranges::stable_partition(
      ports, [&](const DockerPort& port) { return before.contains({port.proxy, port.key}); });
  const FoundBefore nothing;
  FoundPorts(loaded, anew ? nothing : before).add(ports);
  FoundBefore now;
  for (std::size_t i = loaded.source->tls.size(); i < loaded.config.ports.size(); ++i) {
    const PortSpec& port = loaded.config.ports[i];
    now.try_emplace({port.proxy, port.key}, FoundPort{port.protocol, port.port, port.port_count, port.tls,
                                                      port.target_tls, loaded.tls[i]});
  }
  loaded.found = std::make_shared<const FoundBefore>(std::move(now));
  return what_is_lost(loaded, found, before);
}

void print_errors(const std::string& spec, const std::vector<SpecError>& errors) {
  const std::string_view name = spec == "-" ? std::string_view("(standard input)") : std::string_view(spec);
  for (const SpecError& error : errors) {
    if (error.pointer.empty()) fmt::print(stderr, "{}", name);
    fmt::print(stderr, "{}\n", error.text());
  }
}

}  // namespace evenkeel::cli
