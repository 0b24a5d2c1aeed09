#include "spec_file.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <expected>
#include <fcntl.h>
#include <string_view>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>

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

}  // namespace

std::expected<Config, std::vector<SpecError>> load_spec(const std::string& spec) {
  const auto text = read_spec(spec);
  if (!text) {
    return std::unexpected(std::vector<SpecError>{{"", "cannot read the spec: " + text.error(),
                                                   "a file that can be read, or \"-\" for standard input"}});
  }
  return parse_config(*text);
}

void print_errors(const std::string& spec, const std::vector<SpecError>& errors) {
  const std::string_view name = spec == "-" ? std::string_view("(standard input)") : std::string_view(spec);
  for (const SpecError& error : errors) {
    if (error.pointer.empty()) fmt::print(stderr, "{}", name);
    fmt::print(stderr, "{}\n", error.text());
  }
}

}  // namespace evenkeel::cli
