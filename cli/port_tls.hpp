// What the certificates and CAs that a port names become, or what is wrong with their files.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "evenkeel/config.hpp"
#include "evenkeel/tls.hpp"

namespace evenkeel::cli {

struct PortTls {
  std::shared_ptr<TlsServer> server;        // of an https port
  std::shared_ptr<const TlsClient> client;  // of a port whose "targetTls" says something
  std::string trust = {};                   // what its CA file says
};

// Reads the files (blocking). Every one that cannot be used is added to `mistakes`; with any, the result is
// incomplete.
PortTls load_tls(const PortSpec& port, std::vector<SpecError>& mistakes);

}  // namespace evenkeel::cli
