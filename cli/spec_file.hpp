// From the SPEC argument to what can run, or to what is wrong with it.
#pragma once

#include <cstddef>
#include <expected>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "evenkeel/config.hpp"
#include "evenkeel/docker_discovery.hpp"

#include "port_tls.hpp"

namespace evenkeel::cli {

// What a spec says by itself, with its files: everything in it is right.
struct SpecSource {
  std::string text;
  std::vector<SpecFragment> fragments;
  Config config;
  std::vector<PortTls> tls;  // of each port
};

// What containers have, by proxy and key: who has a place keeps it, and files are not read again for
// somebody else's sake.
struct FoundPort {
  Protocol protocol = Protocol::http;
  std::uint16_t port = 0;
  std::uint16_t port_count = 1;
  TlsServerOptions server;
  TlsClientOptions client;
  PortTls made;
};
using FoundBefore = std::map<std::pair<std::string, std::string>, FoundPort>;

// What can run: the files that it names can be used, and this build has what it asks for.
struct LoadedSpec {
  explicit LoadedSpec(std::shared_ptr<const SpecSource> own)
      : source(std::move(own)), config(source->config), tls(source->tls) {}

  // Ports of the spec come first, those of containers behind them.
  [[nodiscard]] bool is_found(std::size_t port) const noexcept { return port >= source->tls.size(); }

  std::shared_ptr<const SpecSource> source;
  Config config;
  std::vector<PortTls> tls;                  // of each port
  std::vector<DockerProblem> left_out = {};  // what containers ask for in vain
  bool misses_files = false;                 // some of that for a file, which may come
  std::shared_ptr<const FoundBefore> found = {};
};

// Reads a file (blocking). "-" is standard input. A spec that cannot be read is one error at the document,
// "".
std::expected<std::string, std::vector<SpecError>> read_spec(const std::string& spec);
// What read_spec() has read. Reads the files that it names (blocking).
std::expected<LoadedSpec, std::vector<SpecError>> load_text(std::string text);
// Both.
std::expected<LoadedSpec, std::vector<SpecError>> load_spec(const std::string& spec);
// Adds what containers ask for, those that were there before first. A mistake costs its target or its port,
// and no other. Reads the files that their ports name (blocking), all of them `anew` or those that were not
// read before; those of the spec itself are as they were read. Returns what is wrong with ports that were
// there before, and are not any more.
std::vector<SpecError> add_found(LoadedSpec& loaded, const DockerFindings& found, const FoundBefore& before,
                                 bool anew);

// One line each on stderr, led by the name of the spec when the pointer alone would say nothing.
void print_errors(const std::string& spec, const std::vector<SpecError>& errors);

}  // namespace evenkeel::cli
