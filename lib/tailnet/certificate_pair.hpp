// How tailscaled and the embedded node hand over a certificate.
#pragma once

#include <string_view>

#include "evenkeel/tls.hpp"

#include "base/or_reason.hpp"

namespace evenkeel::tailnet {

// The answer to `type=pair`: the key, the certificate and its chain.
base::OrReason<CertificatePem> split_pair(std::string_view pem);

}  // namespace evenkeel::tailnet
