// Everything public.
#pragma once

#include "evenkeel/access.hpp"            // IWYU pragma: export
#include "evenkeel/balancer.hpp"          // IWYU pragma: export
#include "evenkeel/client_guard.hpp"      // IWYU pragma: export
#include "evenkeel/clock.hpp"             // IWYU pragma: export
#include "evenkeel/config.hpp"            // IWYU pragma: export
#include "evenkeel/counters.hpp"          // IWYU pragma: export
#include "evenkeel/dns_discovery.hpp"     // IWYU pragma: export
#include "evenkeel/docker_discovery.hpp"  // IWYU pragma: export
#include "evenkeel/error.hpp"             // IWYU pragma: export
#include "evenkeel/health_monitor.hpp"    // IWYU pragma: export
#include "evenkeel/http_proxy.hpp"        // IWYU pragma: export
#include "evenkeel/identity.hpp"          // IWYU pragma: export
#include "evenkeel/log.hpp"               // IWYU pragma: export
#include "evenkeel/port_gate.hpp"         // IWYU pragma: export
#include "evenkeel/proxy.hpp"             // IWYU pragma: export
#include "evenkeel/strategy.hpp"          // IWYU pragma: export
#include "evenkeel/tailnet.hpp"           // IWYU pragma: export
#include "evenkeel/tailnet_node.hpp"      // IWYU pragma: export
#include "evenkeel/target.hpp"            // IWYU pragma: export
#include "evenkeel/target_pool.hpp"       // IWYU pragma: export
#include "evenkeel/tcp_proxy.hpp"         // IWYU pragma: export
#include "evenkeel/tls.hpp"               // IWYU pragma: export
#include "evenkeel/udp_proxy.hpp"         // IWYU pragma: export
