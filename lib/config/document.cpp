#include "config/document.hpp"

#include <algorithm>
#include <deque>
#include <iterator>
#include <string>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace evenkeel::config {
namespace {

// Tells how far the parser has read; the library itself says so only when it fails.
struct Reading {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* at = nullptr;
  const char** furthest = nullptr;

  const char& operator*() const noexcept { return *at; }
  Reading& operator++() noexcept {
    *furthest = ++at;
    return *this;
  }
  Reading operator++(int) noexcept {
    const Reading before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const Reading& a, const Reading& b) noexcept { return a.at == b.at; }
};

// Builds the tree without recursion; every level that is open is one entry of `open_`.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(std::string_view text, Mistakes& mistakes, Place place)
      : text_(text), mistakes_(mistakes), place_(std::move(place)) {}

  bool parse() {
    return Json::sax_parse(Reading{text_.data(), &read_}, Reading{end(), &read_}, this,
                           Json::input_format_t::json, true, true);
  }
  Json root;
  SpecError error;

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(Json::number_integer_t value) override { return put(value); }
  bool number_unsigned(Json::number_unsigned_t value) override { return put(value); }
  bool number_float(Json::number_float_t value, const std::string&) override { return put(value); }
  bool string(std::string& value) override { return put(std::move(value)); }
  bool binary(Json::binary_t&) override { return false; }  // not in text
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override;
  bool parse_error(std::size_t position, const std::string&, const Json::exception& failure) override;

 private:
  struct Level {
    Json* container;
    Place place;
    std::unordered_map<std::string, std::size_t> keys;  // and the index of each
    std::string key;                                    // of the member whose value comes next
    bool repeated = false;                              // that member is here already
    Json discarded;                                     // where the value of a repeated member goes
  };

  const char* end() const noexcept { return text_.data() + text_.size(); }
  struct Position {
    std::size_t line = 1;
    std::size_t column = 1;
  };

  std::size_t bytes_read() const noexcept { return static_cast<std::size_t>(read_ - text_.data()); }
  Position position_of(std::size_t offset);
  bool fail(std::size_t offset, std::string_view problem, std::string expected);
  Place next_place() const;
  Json* place(Json value);
  bool put(Json value) { return place(std::move(value)) != nullptr; }
  bool open(Json container);
  bool close();

  std::string_view text_;
  Mistakes& mistakes_;
  const Place place_;  // of the whole
  const char* read_ = text_.data();
  std::size_t counted_ = 0;  // bytes that position_ has behind it
  Position position_;
  std::deque<Level> open_;  // references to the lower levels stay valid
};

// Asked for places further and further on, so no byte is counted twice.
Builder::Position Builder::position_of(std::size_t offset) {
  offset = std::min(offset, text_.size());
  for (; counted_ < offset; ++counted_) {
    position_.column = text_[counted_] == '\n' ? 1 : position_.column + 1;
    if (text_[counted_] == '\n') ++position_.line;
  }
  return position_;
}

bool Builder::fail(std::size_t offset, std::string_view problem, std::string expected) {
  const Position at = position_of(offset);
  error = {"", fmt::format("line {}, column {}: {}", at.line, at.column, problem), std::move(expected)};
  return false;
}

Place Builder::next_place() const {
  if (open_.empty()) return place_;
  const Level& level = open_.back();
  const std::size_t index = level.container->size();
  return level.container->is_object() ? level.place.member(level.key, index) : level.place.element(index);
}

Json* Builder::place(Json value) {
  if (open_.empty()) {
    root = std::move(value);
    return &root;
  }
  Level& level = open_.back();
  if (level.repeated) {
    level.discarded = std::move(value);
    return &level.discarded;
  }
  if (level.container->is_array()) return &level.container->emplace_back(std::move(value));
  // As a vector: ordered_map's own insertion searches the whole object first, and `keys` has done that.
  Json::object_t::Container& members = level.container->get_ref<Json::object_t&>();
  return &members.emplace_back(std::move(level.key), std::move(value)).second;
}

bool Builder::open(Json container) {
  if (open_.size() == max_depth) {
    return fail(bytes_read() - 1, "nested too deep", fmt::format("at most {} levels", max_depth));
  }
  Place here = next_place();
  Json* placed = place(std::move(container));
  open_.push_back(Level{placed, std::move(here), {}, {}, false, {}});
  return true;
}

bool Builder::close() {
  open_.pop_back();
  return true;
}

bool Builder::key(std::string& name) {
  Level& level = open_.back();
  const auto [first, is_new] = level.keys.try_emplace(name, level.container->size());
  level.repeated = !is_new;
  level.key = std::move(name);
  if (is_new) return true;
  // Told in the place of the first one, where whatever else is wrong with it is told.
  mistakes_.add(level.place.member(level.key, first->second),
                fmt::format("appears again on line {}", position_of(bytes_read()).line), "each key once");
  return true;
}

// The library's message is "[json...] parse error at line 1, column 2: what is wrong; last read:
// 'text'; expected what".
bool Builder::parse_error(std::size_t position, const std::string&, const Json::exception& failure) {
  std::string_view message = failure.what();
  const auto skip_past = [&](std::string_view mark) {
    message.remove_prefix(std::min(message.find(mark) + mark.size(), message.size()));
  };
  skip_past("] ");
  if (message.starts_with("parse error")) skip_past(": ");

  constexpr std::string_view mark = "; expected ";
  const std::size_t expected_at = message.rfind(mark);
  std::string expected;
  if (expected_at != std::string_view::npos) expected = message.substr(expected_at + mark.size());
  const std::size_t problem_end = std::min(message.find("; last read: '"), expected_at);
  return fail(position - std::min<std::size_t>(position, 1), message.substr(0, problem_end),
              std::move(expected));
}

}  // namespace

std::expected<Json, SpecError> read_document(std::string_view text, Mistakes& mistakes, const Place& root) {
  // The parser takes a NUL for the end and would believe what stands before it.
  if (text.contains('\0')) return std::unexpected(SpecError{"", "holds a NUL byte", "JSON text"});
  Builder builder(text, mistakes, root);
  if (!builder.parse()) return std::unexpected(std::move(builder.error));
  return std::move(builder.root);
}

}  // namespace evenkeel::config
