# Node mode: the embedded tailnet node of lib/tailnet/node, Go behind C functions, as a shared library that is loaded
# when a spec asks for a node: nobody else runs the Go runtime. Sets EVENKEEL_HAVE_TAILNET_NODE.
#   EVENKEEL_TAILNET_NODE  ON, OFF, or AUTO: on where a Go of the right age is found
#   EVENKEEL_NODE_CACHE    where what was built is kept, shared by all build trees (also read from the
#                          environment, as tests/tailnet/build.sh does)
if(PROJECT_IS_TOP_LEVEL)
  set(node_default AUTO)
else()
  set(node_default OFF)
endif()
set(EVENKEEL_TAILNET_NODE ${node_default} CACHE STRING "Build the embedded tailnet node (needs Go)")
set_property(CACHE EVENKEEL_TAILNET_NODE PROPERTY STRINGS AUTO ON OFF)
set(EVENKEEL_NODE_GO_MINIMUM 1.26.6) # as lib/tailnet/node/go.mod says
if(NOT "$ENV{EVENKEEL_NODE_CACHE}" STREQUAL "")
  set(node_cache "$ENV{EVENKEEL_NODE_CACHE}")
else()
  set(node_cache "${PROJECT_SOURCE_DIR}/build/tailnet-node")
endif()
set(EVENKEEL_NODE_CACHE "${node_cache}" CACHE PATH
    "Where the embedded tailnet node is kept between builds")
set(EVENKEEL_HAVE_TAILNET_NODE FALSE)

if(EVENKEEL_TAILNET_NODE)
  find_program(EVENKEEL_GO go HINTS /usr/local/go/bin)
  set(node_missing "")
  if(NOT EVENKEEL_GO)
    set(node_missing "no go was found")
  else()
    # Local: not the version that it would download to please go.mod.
    execute_process(COMMAND ${CMAKE_COMMAND} -E env GOTOOLCHAIN=local ${EVENKEEL_GO} env GOVERSION
      WORKING_DIRECTORY ${PROJECT_BINARY_DIR}
      OUTPUT_VARIABLE node_go_version OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    string(REGEX MATCH "[0-9]+\\.[0-9.]+" node_go_version "${node_go_version}")
    if(NOT node_go_version OR node_go_version VERSION_LESS EVENKEEL_NODE_GO_MINIMUM)
      set(node_missing "${EVENKEEL_GO} is not go ${EVENKEEL_NODE_GO_MINIMUM} or newer")
    endif()
  endif()
  if(NOT node_missing)
    set(EVENKEEL_HAVE_TAILNET_NODE TRUE)
    message(STATUS "Tailnet node: on (go ${node_go_version}, kept in ${EVENKEEL_NODE_CACHE})")
  elseif(EVENKEEL_TAILNET_NODE STREQUAL "AUTO")
    message(STATUS "Tailnet node: off (${node_missing})")
  else()
    message(FATAL_ERROR "EVENKEEL_TAILNET_NODE is ON, but ${node_missing}")
  endif()
else()
  message(STATUS "Tailnet node: off")
endif()

if(EVENKEEL_HAVE_TAILNET_NODE)
  set(node_source ${PROJECT_SOURCE_DIR}/lib/tailnet/node)
  # Where the command and the library are: they look beside themselves.
  set(node_directory ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
  if(NOT node_directory)
    set(node_directory ${PROJECT_BINARY_DIR})
  endif()
  set(EVENKEEL_NODE_LIBRARY ${node_directory}/libevenkeel_node.so)
  file(GLOB node_files CONFIGURE_DEPENDS ${node_source}/*.go ${node_source}/*.c ${node_source}/*.h)
  list(FILTER node_files EXCLUDE REGEX "_test\\.go$")
  add_custom_command(OUTPUT ${EVENKEEL_NODE_LIBRARY}
    COMMAND ${CMAKE_COMMAND} -E env GO=${EVENKEEL_GO}
            ${PROJECT_SOURCE_DIR}/scripts/build-tailnet-node.sh
            ${node_source} ${EVENKEEL_NODE_CACHE} ${EVENKEEL_NODE_LIBRARY}
    DEPENDS ${node_files} ${node_source}/go.mod ${node_source}/go.sum
            ${PROJECT_SOURCE_DIR}/scripts/build-tailnet-node.sh
    COMMENT "Tailnet node"
    USES_TERMINAL VERBATIM)
  add_custom_target(evenkeel_node ALL DEPENDS ${EVENKEEL_NODE_LIBRARY})
endif()
