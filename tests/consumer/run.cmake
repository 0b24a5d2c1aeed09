# Builds and runs the consumer in one of the ways in which evenkeel is offered:
#   cmake -D MODE=... -D SOURCE_DIR=... -D BUILD_DIR=... -D WORK_DIR=... [-D OPTIONS=...] -P run.cmake
# MODE: install        installs BUILD_DIR into WORK_DIR/prefix, which the next two need
#       find_package   against that prefix
#       pkg_config     against that prefix, without CMake
#       subdirectory   through add_subdirectory
#       shared         a shared library, installed, then find_package and pkg-config
cmake_minimum_required(VERSION 3.25)

# The same object in another folder is the same object: lets ccache find those of BUILD_DIR.
set(ENV{CCACHE_NOHASHDIR} 1)

set(consumer ${SOURCE_DIR}/tests/consumer)
set(prefix ${WORK_DIR}/prefix)

function(run)
  execute_process(COMMAND ${ARGV} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

function(build_consumer source binary)
  file(REMOVE_RECURSE ${binary})
  run(${CMAKE_COMMAND} -S ${source} -B ${binary} -G ${GENERATOR} ${OPTIONS} ${ARGN})
  run(${CMAKE_COMMAND} --build ${binary} --target consumer)
  run(${binary}/consumer)
endfunction()

function(build_with_pkg_config from binary)
  find_program(pkg_config NAMES pkg-config pkgconf REQUIRED)
  file(GLOB_RECURSE pc ${from}/evenkeel.pc)
  get_filename_component(pc_dir "${pc}" DIRECTORY)
  set(ENV{PKG_CONFIG_PATH} "${pc_dir}:$ENV{PKG_CONFIG_PATH}")
  execute_process(COMMAND ${pkg_config} --cflags --libs ${ARGN} evenkeel
                  OUTPUT_VARIABLE flags OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  separate_arguments(flags UNIX_COMMAND "${flags}")
  separate_arguments(extra UNIX_COMMAND "${CXX_FLAGS}")
  file(MAKE_DIRECTORY ${binary})
  run(${CXX} -std=c++23 ${extra} ${consumer}/main.cpp -o ${binary}/consumer ${flags} -Wl,-rpath,${pc_dir}/..)
  run(${binary}/consumer)
endfunction()

if(MODE STREQUAL "install")
  file(REMOVE_RECURSE ${prefix})
  run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${prefix})
  if(CLI)
    run(${prefix}/bin/evenkeel --version)
  endif()
elseif(MODE STREQUAL "find_package")
  build_consumer(${consumer}/package ${WORK_DIR}/find_package -DCMAKE_PREFIX_PATH=${prefix})
elseif(MODE STREQUAL "pkg_config")
  build_with_pkg_config(${prefix} ${WORK_DIR}/pkg_config --static)
elseif(MODE STREQUAL "subdirectory")
  build_consumer(${consumer}/subdirectory ${WORK_DIR}/subdirectory)
elseif(MODE STREQUAL "shared")
  set(shared ${WORK_DIR}/shared)
  file(REMOVE_RECURSE ${shared})
  # Every object is compiled anew (the visibility of the API is another): in batches and without debug information
  # that takes a tenth of the time.
  run(${CMAKE_COMMAND} -S ${SOURCE_DIR} -B ${shared}/build -G ${GENERATOR} ${OPTIONS} -DCMAKE_BUILD_TYPE=None
      -DBUILD_SHARED_LIBS=ON -DCMAKE_UNITY_BUILD=ON -DCMAKE_UNITY_BUILD_BATCH_SIZE=10 -DEVENKEEL_TESTS=OFF -DEVENKEEL_EXAMPLES=OFF)
  run(${CMAKE_COMMAND} --build ${shared}/build)
  run(${CMAKE_COMMAND} --install ${shared}/build --prefix ${shared}/prefix)
  run(${shared}/prefix/bin/evenkeel --version)
  build_consumer(${consumer}/package ${shared}/find_package -DCMAKE_PREFIX_PATH=${shared}/prefix)
  build_with_pkg_config(${shared}/prefix ${shared}/pkg_config)
else()
  message(FATAL_ERROR "unknown MODE \"${MODE}\"")
endif()
