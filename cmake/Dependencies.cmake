# What the library needs to build. Embedders of the installed package need none of these headers.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(LIBUV REQUIRED IMPORTED_TARGET libuv)
pkg_check_modules(CARES REQUIRED IMPORTED_TARGET libcares) # DNS
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL 3.0 REQUIRED COMPONENTS SSL Crypto)
find_package(prometheus-cpp CONFIG REQUIRED) # metrics
if(EVENKEEL_SIM)
  find_package(Boost 1.74 REQUIRED) # histograms of simulated latencies: headers only
endif()
