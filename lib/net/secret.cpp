#include "evenkeel/secret.hpp"

#include <array>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <string_view>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "net/fd.hpp"

namespace evenkeel {
namespace {

constexpr std::string_view white_space = " \t\r\n";

std::string_view trimmed(std::string_view text) noexcept {
  const std::size_t first = text.find_first_not_of(white_space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

std::expected<std::string, std::string> judge(std::string_view text, const std::string& source) {
  const std::string_view key = trimmed(text);
  if (key.empty()) return std::unexpected(source + " is empty");
  if (key.find_first_of(white_space) != std::string_view::npos) {
    return std::unexpected(source + " holds more than one word");
  }
  return std::string(key);
}

std::expected<std::string, std::string> read_file(const std::string& path, std::string_view what) {
  const std::string source = "the " + std::string(what) + " file " + path;
  const auto failed = [&] {
    return std::unexpected(source + " cannot be read: " + std::system_category().message(errno));
  };
  // Not waiting for whoever might write into it, should it be a pipe.
  const net::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!fd) return failed();
  std::array<char, 4'096> bytes;
  std::size_t used = 0;
  while (used < bytes.size()) {
    const ssize_t count = ::read(fd.get(), bytes.data() + used, bytes.size() - used);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return failed();
    if (count == 0) return judge({bytes.data(), used}, source);
    used += static_cast<std::size_t>(count);
  }
  return std::unexpected(source + " is too long");
}

}  // namespace

std::expected<std::string, std::string> read_secret(const std::string& where, std::string_view what) {
  if (where.empty()) return std::string();
  if (where.starts_with("file:")) return read_file(where.substr(5), what);
  if (!where.starts_with("env:")) {
    return std::unexpected("the " + std::string(what) + " is neither file:PATH nor env:NAME");
  }
  const std::string name = where.substr(4);
  const char* value = std::getenv(name.c_str());
  const std::string source = "the environment variable " + name;
  if (value == nullptr) return std::unexpected(source + " is not set");
  return judge(value, source);
}

}  // namespace evenkeel
