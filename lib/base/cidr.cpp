#include "base/cidr.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <charconv>
#include <optional>
#include <stdexcept>

namespace evenkeel::base {
namespace {

constexpr std::array<std::uint8_t, 12> mapped_start = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
constexpr std::uint8_t mapped_bits = 96;

bool is_mapped(std::span<const std::uint8_t> ip) noexcept {
  return ip.size() == 16 && std::ranges::equal(ip.first(mapped_start.size()), mapped_start);
}

// The bits of byte `index` that belong to a prefix of `prefix` bits.
std::uint8_t mask_of(std::size_t index, std::size_t prefix) noexcept {
  const std::size_t bits = std::clamp(prefix, index * 8, index * 8 + 8) - index * 8;
  return static_cast<std::uint8_t>(0xff00U >> bits);
}

// With the prefix of a single address.
std::optional<Cidr> read_address(std::string_view text) noexcept {
  std::array<char, INET6_ADDRSTRLEN> buffer{};
  // The copy ends in NUL, so one inside the text would cut it short.
  if (text.size() >= buffer.size() || text.contains('\0')) return std::nullopt;
  text.copy(buffer.data(), text.size());
  Cidr cidr;
  if (inet_pton(AF_INET, buffer.data(), cidr.bytes.data()) == 1) return cidr;
  if (inet_pton(AF_INET6, buffer.data(), cidr.bytes.data()) != 1) return std::nullopt;
  cidr.size = 16;
  cidr.prefix = 128;
  return cidr;
}

// One spelling a number: no sign, and "08" is not 8.
std::optional<std::uint8_t> read_prefix(std::string_view text, std::uint8_t most) noexcept {
  std::uint8_t prefix = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), prefix);
  if (error != std::errc() || end != text.data() + text.size() || prefix > most) return std::nullopt;
  if (text.size() > 1 && text.starts_with('0')) return std::nullopt;
  return prefix;
}

bool ends_at_prefix(const Cidr& cidr) noexcept {
  for (std::size_t i = 0; i < cidr.size; ++i) {
    if ((cidr.bytes[i] & static_cast<std::uint8_t>(~mask_of(i, cidr.prefix))) != 0) return false;
  }
  return true;
}

void to_ipv4(Cidr& cidr) noexcept {
  std::copy_n(cidr.bytes.begin() + mapped_start.size(), 4, cidr.bytes.begin());
  std::fill(cidr.bytes.begin() + 4, cidr.bytes.end(), std::uint8_t{0});
  cidr.size = 4;
  cidr.prefix = static_cast<std::uint8_t>(cidr.prefix - mapped_bits);
}

}  // namespace

bool Cidr::contains(std::span<const std::uint8_t> ip) const noexcept {
  if (is_mapped(ip)) ip = ip.subspan(mapped_start.size());
  if (ip.size() != size) return false;
  for (std::size_t i = 0; i * 8 < prefix; ++i) {
    if (((ip[i] ^ bytes[i]) & mask_of(i, prefix)) != 0) return false;
  }
  return true;
}

OrReason<Cidr> read_cidr(std::string_view text) noexcept {
  const std::size_t slash = text.find('/');
  auto cidr = read_address(text.substr(0, slash));
  if (!cidr) return std::unexpected(std::string_view("is not an IP address or a range of them"));
  if (slash != std::string_view::npos) {
    const auto prefix = read_prefix(text.substr(slash + 1), cidr->prefix);
    if (!prefix) {
      return std::unexpected(
          std::string_view(cidr->size == 4 ? "has a prefix length that is not a number from 0 to 32"
                                           : "has a prefix length that is not a number from 0 to 128"));
    }
    cidr->prefix = *prefix;
  }
  if (!ends_at_prefix(*cidr)) return std::unexpected(std::string_view("has bits set behind its prefix"));
  // A mapped address has bits up to the 96th, so its prefix is no shorter by now.
  if (is_mapped(std::span(cidr->bytes).first(cidr->size))) to_ipv4(*cidr);
  return *cidr;
}

std::vector<Cidr> read_cidrs(const std::vector<std::string>& texts) {
  std::vector<Cidr> ranges;
  for (const std::string& text : texts) {
    const auto range = read_cidr(text);
    if (!range) throw std::invalid_argument(text + " " + std::string(range.error()));
    ranges.push_back(*range);
  }
  return ranges;
}

bool contains(std::span<const Cidr> ranges, std::span<const std::uint8_t> ip) noexcept {
  return std::ranges::any_of(ranges, [ip](const Cidr& range) { return range.contains(ip); });
}

}  // namespace evenkeel::base
