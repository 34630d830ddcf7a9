# What `cmake --install` puts where, and how others find it there: a pkg-config
# file and a CMake package, which work wherever the tree is moved to.
include(CMakePackageConfigHelpers)

# The way back from a directory below the prefix to the prefix.
function(sslc_way_up DIRECTORY VARIABLE)
  if(IS_ABSOLUTE "${DIRECTORY}")
    set(up "${CMAKE_INSTALL_PREFIX}")
  else()
    file(RELATIVE_PATH up "/${DIRECTORY}" "/")
    string(REGEX REPLACE "/$" "" up "${up}")
    set(up "\${pcfiledir}/${up}")
  endif()
  set(${VARIABLE} "${up}" PARENT_SCOPE)
endfunction()

# A directory as the pkg-config file names it.
function(sslc_pc_dir DIRECTORY VARIABLE)
  if(NOT IS_ABSOLUTE "${DIRECTORY}")
    set(DIRECTORY "\${prefix}/${DIRECTORY}")
  endif()
  set(${VARIABLE} "${DIRECTORY}" PARENT_SCOPE)
endfunction()

install(FILES "${SSLC_HEADER}" DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

sslc_way_up("${CMAKE_INSTALL_LIBDIR}/pkgconfig" SSLC_PC_PREFIX)
sslc_pc_dir("${CMAKE_INSTALL_LIBDIR}" SSLC_PC_LIBDIR)
sslc_pc_dir("${CMAKE_INSTALL_INCLUDEDIR}" SSLC_PC_INCLUDEDIR)
set(SSLC_PC_LIBS_PRIVATE "${CMAKE_THREAD_LIBS_INIT}")
foreach(library ${CMAKE_DL_LIBS})
  string(APPEND SSLC_PC_LIBS_PRIVATE " -l${library}")
endforeach()
configure_file(csrc/sslconnect.pc.in sslconnect.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/sslconnect.pc"
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# Two sets, because only the static library asks for OpenSSL's own package.
set(package ${CMAKE_INSTALL_LIBDIR}/cmake/sslconnect)
install(TARGETS shared EXPORT sslconnectShared
  LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS static EXPORT sslconnectStatic
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(set sslconnectShared sslconnectStatic)
  install(EXPORT ${set} NAMESPACE sslconnect:: DESTINATION ${package})
endforeach()
configure_package_config_file(cmake/sslconnectConfig.cmake.in
  sslconnectConfig.cmake INSTALL_DESTINATION ${package}
  NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(sslconnectConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  "${CMAKE_CURRENT_BINARY_DIR}/sslconnectConfig.cmake"
  "${CMAKE_CURRENT_BINARY_DIR}/sslconnectConfigVersion.cmake"
  DESTINATION ${package})

# Where Lua looks below its own prefix.  LuaJIT looks where Lua 5.1 does and
# loads the same module.
foreach(lua ${SSLC_LUA})
  string(MAKE_C_IDENTIFIER "lua_${lua}" target)
  string(REPLACE jit 5.1 directory "${lua}")
  if(NOT lua STREQUAL jit OR NOT "5.1" IN_LIST SSLC_LUA)
    install(TARGETS ${target} LIBRARY DESTINATION
      lib/lua/${directory}/sslconnect)
    install(DIRECTORY lua/sslconnect DESTINATION share/lua/${directory}
      FILES_MATCHING PATTERN "*.lua")
  endif()
endforeach()
