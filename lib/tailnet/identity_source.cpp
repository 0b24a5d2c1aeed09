#include "evenkeel/identity.hpp"

namespace evenkeel {

IdentitySource::~IdentitySource() = default;
IdentitySource::Pending::~Pending() = default;

}  // namespace evenkeel
