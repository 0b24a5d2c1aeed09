#include "strategy/maglev_table.hpp"

#include <algorithm>

#include "base/hash.hpp"

namespace evenkeel::strategy {
namespace {

constexpr std::uint64_t size = MaglevTable::size;

// A target while the table is being filled.
struct Row {
  std::uint32_t index;  // in the caller's list
  std::uint32_t weight;
  std::uint64_t offset_hash;
  std::uint64_t skip_hash;
  std::string_view name;
  std::uint32_t slot = 0;  // where its permutation has got to
  std::uint32_t skip = 0;
  std::int64_t quota = 0;  // slots it is to own
  std::int64_t due = 0;    // in parts of a slot, `turns` of them are one
};

std::uint64_t hash_name(std::string_view name, std::uint64_t seed) noexcept {
  return base::hash_bytes({reinterpret_cast<const std::uint8_t*>(name.data()), name.size()}, seed);
}

// In an order that only the names decide: who comes first takes first.
std::vector<Row> make_rows(std::span<const MaglevTable::Target> targets) {
  constexpr std::uint64_t offset_seed = 0x13198a2e03707344ULL;
  constexpr std::uint64_t skip_seed = 0xa4093822299f31d0ULL;
  std::vector<Row> rows;
  rows.reserve(targets.size());
  for (std::uint32_t i = 0; i < targets.size(); ++i) {
    const std::string_view name = targets[i].name;
    Row& row = rows.emplace_back(
        Row{i, targets[i].weight, hash_name(name, offset_seed), hash_name(name, skip_seed), name});
    row.slot = static_cast<std::uint32_t>(row.offset_hash % size);
    row.skip = static_cast<std::uint32_t>(row.skip_hash % (size - 1) + 1);
  }
  std::ranges::sort(rows, [](const Row& a, const Row& b) {
    return a.offset_hash != b.offset_hash ? a.offset_hash < b.offset_hash : a.name < b.name;
  });
  return rows;
}

// Exact to one slot, and they add up to the size. The lightest first: whoever would get less than one
// slot gets one, and the others share the rest.
void set_quotas(std::span<Row> rows) {
  std::vector<Row*> by_weight;
  by_weight.reserve(rows.size());
  std::uint64_t weights = 0;
  for (Row& row : rows) {
    by_weight.push_back(&row);
    weights += row.weight;
  }
  std::ranges::sort(by_weight, [](const Row* a, const Row* b) {
    return a->weight != b->weight ? a->weight < b->weight : a < b;
  });

  std::uint64_t slots = size;
  auto next = by_weight.begin();
  for (; next != by_weight.end() && (*next)->weight * slots < weights; ++next) {
    (*next)->quota = 1;
    --slots;
    weights -= (*next)->weight;
  }
  std::uint64_t seen = 0;  // of the weights
  std::uint64_t given = 0;
  for (; next != by_weight.end(); ++next) {
    seen += (*next)->weight;
    const std::uint64_t upto = seen * slots / weights;
    (*next)->quota = static_cast<std::int64_t>(upto - given);
    given = upto;
  }
}

}  // namespace

void MaglevTable::build(std::span<const Target> targets) {
  constexpr std::uint16_t nobody = 0xffff;
  std::vector<Row> rows = make_rows(targets.first(std::min(targets.size(), max_targets)));
  set_quotas(rows);
  std::vector<std::uint16_t> owners(size, nobody);
  const auto turns = static_cast<std::int64_t>((size + rows.size() - 1) / rows.size());
  for (std::int64_t turn = 0; turn < turns; ++turn) {
    for (Row& row : rows) {
      // Rounded up: the lightest take their slot in the first turn too, while it is likely to be free.
      for (row.due += row.quota; row.due > 0; row.due -= turns) {
        while (owners[row.slot] != nobody) {
          row.slot += row.skip;
          if (row.slot >= size) row.slot -= size;
        }
        owners[row.slot] = static_cast<std::uint16_t>(row.index);
      }
    }
  }
  owners_.swap(owners);
}

}  // namespace evenkeel::strategy
