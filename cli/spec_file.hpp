// From the SPEC argument to what can run, or to what is wrong with it.
#pragma once

#include <cstddef>
#include <expected>
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
};

// Reads a file (blocking). "-" is standard input. A spec that cannot be read is one error at the document,
// "".
std::expected<std::string, std::vector<SpecError>> read_spec(const std::string& spec);
// What read_spec() has read. Reads the files that it names (blocking).
std::expected<LoadedSpec, std::vector<SpecError>> load_text(std::string text);
// Both.
std::expected<LoadedSpec, std::vector<SpecError>> load_spec(const std::string& spec);
// Adds what containers ask for. A mistake costs its target or its port, and no other. Reads the files that
// their ports name (blocking); those of the spec itself are as they were read.
void add_found(LoadedSpec& loaded, const DockerFindings& found);

// One line each on stderr, led by the name of the spec when the pointer alone would say nothing.
void print_errors(const std::string& spec, const std::vector<SpecError>& errors);

}  // namespace evenkeel::cli
