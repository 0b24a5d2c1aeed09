# The installed package: find_package(evenkeel) and pkg-config.
include(CMakePackageConfigHelpers)

set(EVENKEEL_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/evenkeel)

install(TARGETS evenkeel EXPORT evenkeelTargets
  RUNTIME COMPONENT evenkeel_runtime
  LIBRARY COMPONENT evenkeel_runtime NAMELINK_COMPONENT evenkeel_development
  ARCHIVE COMPONENT evenkeel_development
  INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/evenkeel
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
  COMPONENT evenkeel_development
  FILES_MATCHING PATTERN "*.hpp")
install(EXPORT evenkeelTargets
  NAMESPACE evenkeel::
  DESTINATION ${EVENKEEL_CMAKE_DIR}
  COMPONENT evenkeel_development)

# A shared library has its dependencies inside; a static one hands them on to whoever links it.
get_target_property(EVENKEEL_TYPE evenkeel TYPE)
if(EVENKEEL_TYPE STREQUAL "STATIC_LIBRARY")
  set(EVENKEEL_IS_STATIC TRUE)
  set(EVENKEEL_PC_CFLAGS " -DEVENKEEL_STATIC")
else()
  set(EVENKEEL_IS_STATIC FALSE)
  set(EVENKEEL_PC_CFLAGS "")
endif()
# The embedded tailnet node, which is loaded when it is wanted.
if(EVENKEEL_HAVE_TAILNET_NODE)
  install(PROGRAMS ${EVENKEEL_NODE_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT evenkeel_runtime)
endif()
# Where a packaged llhttp was linked instead of its sources.
if(EVENKEEL_LLHTTP_LIBRARY)
  string(APPEND EVENKEEL_PC_LIBS_PRIVATE " -lllhttp")
endif()

configure_package_config_file(cmake/evenkeelConfig.cmake.in
  ${PROJECT_BINARY_DIR}/evenkeelConfig.cmake INSTALL_DESTINATION ${EVENKEEL_CMAKE_DIR}
  PATH_VARS CMAKE_INSTALL_LIBDIR)
# 0.x: any minor version may break an embedder.
write_basic_package_version_file(${PROJECT_BINARY_DIR}/evenkeelConfigVersion.cmake
  VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/evenkeelConfig.cmake ${PROJECT_BINARY_DIR}/evenkeelConfigVersion.cmake
  DESTINATION ${EVENKEEL_CMAKE_DIR} COMPONENT evenkeel_development)

# Relative to the .pc file, so that the tree can be moved, and `cmake --install --prefix` just works.
if(IS_ABSOLUTE "${CMAKE_INSTALL_LIBDIR}")
  set(EVENKEEL_PC_PREFIX ${CMAKE_INSTALL_PREFIX})
else()
  file(RELATIVE_PATH EVENKEEL_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  string(REGEX REPLACE "/$" "" EVENKEEL_PC_PREFIX "\${pcfiledir}/${EVENKEEL_PC_PREFIX}")
endif()
cmake_path(APPEND EVENKEEL_PC_LIBDIR "\${prefix}" "${CMAKE_INSTALL_LIBDIR}")
cmake_path(APPEND EVENKEEL_PC_INCLUDEDIR "\${prefix}" "${CMAKE_INSTALL_INCLUDEDIR}")
configure_file(cmake/evenkeel.pc.in ${PROJECT_BINARY_DIR}/evenkeel.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/evenkeel.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT evenkeel_development)

install(FILES ${PROJECT_SOURCE_DIR}/LICENSE
  DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT evenkeel_runtime)
if(TARGET evenkeel_cli)
  install(TARGETS evenkeel_cli RUNTIME COMPONENT evenkeel_cli)
  set(completions ${PROJECT_SOURCE_DIR}/cli/completions)
  install(FILES ${completions}/evenkeel.bash COMPONENT evenkeel_cli
    DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions RENAME evenkeel)
  install(FILES ${completions}/_evenkeel COMPONENT evenkeel_cli
    DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
  install(FILES ${completions}/evenkeel.fish COMPONENT evenkeel_cli
    DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d)
endif()
