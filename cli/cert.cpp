#include "cert.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <fcntl.h>
#include <string_view>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "evenkeel/tls.hpp"

namespace evenkeel::cli {
namespace {

constexpr mode_t for_all = 0644;
constexpr mode_t for_us = 0600;

// "app.example.com.pem", "_wildcard.example.com.pem"; `name` is known to be a name or an address.
std::string path_of(const CertOptions& options, std::string_view ending) {
  std::string file = options.names.front();
  if (file.starts_with('*')) file.replace(0, 1, "_wildcard");
  file += ending;
  if (options.directory == ".") return file;
  return options.directory + (options.directory.ends_with('/') ? "" : "/") + file;
}

std::unexpected<std::string> system_failure(const std::string& path) {
  return std::unexpected(path + ": " + std::generic_category().message(errno));
}

std::expected<void, std::string> write_all(int fd, std::string_view text, const std::string& path) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return system_failure(path);
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return {};
}

// Beside the file and then over it, so that whoever watches it never sees a part. The name is nobody's
// before: a key must not go into a file that somebody else has opened.
std::expected<void, std::string> write_file(const std::string& path, std::string_view text, mode_t mode,
                                            bool force) {
  std::string beside = path + ".XXXXXX";
  const int fd = ::mkostemp(beside.data(), O_CLOEXEC);
  if (fd < 0) return system_failure(path);
  auto written = write_all(fd, text, path);
  if (written && ::fchmod(fd, mode) != 0) written = system_failure(path);
  if (::close(fd) != 0 && written) written = system_failure(path);
  const auto put = [&] {
    // A link fails where a file has come meanwhile; renaming would overwrite it.
    return force ? ::rename(beside.c_str(), path.c_str()) : ::link(beside.c_str(), path.c_str());
  };
  if (written && put() != 0) written = system_failure(path);
  ::unlink(beside.c_str());  // nothing is there after a rename
  return written;
}

bool is_there(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

std::string in_json(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

void print_result(const CertOptions& options, const std::string& certificate, const std::string& key) {
  fmt::print("{}  for {}, good for {} day{}\n", certificate, fmt::join(options.names, ", "), options.days,
             options.days == 1 ? "" : "s");
  fmt::print("{}  its private key\n\n", key);
  fmt::print("In a spec, at any level:\n");
  fmt::print("  \"tls\": {{ \"certificates\": [{{ \"certificate\": {}, \"key\": {} }}] }}\n\n",
             in_json(certificate), in_json(key));
  fmt::print("It is signed by itself, so clients have to be told to trust it: curl --cacert {}\n",
             certificate);
}

}  // namespace

ExitCode cert(const CertOptions& options) {
  const auto made = make_self_signed(options.names, options.days);
  if (!made) {
    fmt::print(stderr, "evenkeel: {}\n", made.error());
    return ExitCode::bad_usage;
  }
  const std::string certificate = path_of(options, ".pem");
  const std::string key = path_of(options, ".key");
  bool free = true;
  for (const std::string& path : {certificate, key}) {
    if (options.force || !is_there(path)) continue;
    fmt::print(stderr, "evenkeel: {} is there already; --force overwrites it\n", path);
    free = false;
  }
  if (!free) return ExitCode::bad_usage;
  auto written = write_file(key, made->key, for_us, options.force);
  if (written) written = write_file(certificate, made->chain, for_all, options.force);
  if (!written) {
    fmt::print(stderr, "evenkeel: {}\n", written.error());
    return ExitCode::internal;
  }
  print_result(options, certificate, key);
  return ExitCode::ok;
}

}  // namespace evenkeel::cli
