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

std::expected<std::string, std::string> read_spec(const std::string& spec) {
  if (spec == "-") return read_all(STDIN_FILENO);
  const int fd = ::open(spec.c_str(), O_RDONLY | O_CLOEXEC);
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
    auto text = read_spec(path.string());
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
void check_build(const PortSpec& port, std::vector<SpecError>& mistakes) {
  if (port.tailnet.mode != TailnetMode::node || TailnetNode::available()) return;
  mistakes.push_back(
      {port.places.tailnet, "asks for a node of its own, which this build cannot be",
       "mode \"host\", or a build with -DEVENKEEL_TAILNET_NODE=ON, which needs Go 1.26.6 or newer"});
}

// Files that the ports name, and what this build can do.
std::vector<PortTls> load_files(const Config& config, std::vector<SpecError>& mistakes) {
  std::vector<PortTls> all;
  for (const PortSpec& port : config.ports) {
    std::vector<SpecError> found;
    check_build(port, found);
    all.push_back(load_tls(port, found));
    for (SpecError& mistake : found) add_once(mistakes, std::move(mistake));
  }
  return all;
}

// What is wrong; or they are what is loaded.
std::vector<SpecError> try_fragments(const std::string& text, std::span<const SpecFragment> fragments,
                                     LoadedSpec& loaded) {
  auto config = parse_config(text, fragments);
  if (!config) return std::move(config).error();
  std::vector<SpecError> mistakes;
  std::vector<PortTls> tls = load_files(*config, mistakes);
  if (!mistakes.empty()) return mistakes;
  loaded.config = *std::move(config);
  loaded.tls = std::move(tls);
  return {};
}

// One proxy after the other is added to what is right so far, so that none stands for the mistakes of
// another.
void add_found(const std::string& text, std::vector<SpecFragment> fragments, const DockerFindings& found,
               LoadedSpec& loaded) {
  loaded.left_out = found.problems;
  for (const DockerProxy& proxy : found.proxies) {
    // A mistake costs the target or the port that it is in; each turn takes something away.
    for (std::optional<DockerProxy> rest = proxy; rest;) {
      fragments.push_back(rest->fragment);
      const std::vector<SpecError> mistakes = try_fragments(text, fragments, loaded);
      if (mistakes.empty()) break;
      fragments.pop_back();
      for (const SpecError& mistake : mistakes) loaded.left_out.push_back(rest->blame(mistake));
      rest = rest->without(mistakes);
    }
  }
}

}  // namespace

std::expected<LoadedSpec, std::vector<SpecError>> load_spec(const std::string& spec,
                                                            const DockerFindings& found) {
  const auto text = read_spec(spec);
  if (!text) {
    return std::unexpected(std::vector<SpecError>{{"", "cannot read the spec: " + text.error(),
                                                   "a file that can be read, or \"-\" for standard input"}});
  }
  const auto fragments = read_fragments(*text);
  if (!fragments) return std::unexpected(fragments.error());
  auto config = parse_config(*text, *fragments);
  if (!config) return std::unexpected(std::move(config).error());
  LoadedSpec loaded{std::move(*config), {}, {}};
  std::vector<SpecError> mistakes;
  loaded.tls = load_files(loaded.config, mistakes);
  if (!mistakes.empty()) return std::unexpected(std::move(mistakes));
  add_found(*text, *fragments, found, loaded);
  return loaded;
}

void print_errors(const std::string& spec, const std::vector<SpecError>& errors) {
  const std::string_view name = spec == "-" ? std::string_view("(standard input)") : std::string_view(spec);
  for (const SpecError& error : errors) {
    if (error.pointer.empty()) fmt::print(stderr, "{}", name);
    fmt::print(stderr, "{}\n", error.text());
  }
}

}  // namespace evenkeel::cli
