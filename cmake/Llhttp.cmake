# llhttp: a packaged library where the distribution has one (libllhttp-dev), else the C sources that
# Debian 12 ships in node-llhttp, built into the library with strict parsing. Sets
# EVENKEEL_LLHTTP_SOURCES and EVENKEEL_LLHTTP_INCLUDE_DIR.
find_path(EVENKEEL_LLHTTP_INCLUDE_DIR llhttp.h PATH_SUFFIXES llhttp
          PATHS /usr/include /usr/share/include REQUIRED)
find_library(EVENKEEL_LLHTTP_LIBRARY llhttp)

if(EVENKEEL_LLHTTP_LIBRARY)
  set(EVENKEEL_LLHTTP_SOURCES "")
  target_link_libraries(evenkeel PRIVATE ${EVENKEEL_LLHTTP_LIBRARY})
else()
  set(EVENKEEL_LLHTTP_SOURCES /usr/share/llhttp/api.c /usr/share/llhttp/http.c /usr/share/llhttp/llhttp.c)
  # The packaged header defaults to loose parsing, which lets several request smuggling tricks through.
  set_source_files_properties(${EVENKEEL_LLHTTP_SOURCES} PROPERTIES
    COMPILE_OPTIONS "-w;-O2" COMPILE_DEFINITIONS "LLHTTP_STRICT_MODE=1")
endif()
