# The programs that tests and the demo need, one a file of spec/support/*.c, in
# bin/: certkit makes certificates, testserver is who they connect to; and
# casekit, of the files in its directory, which makes cases of chain and name.
file(GLOB programs CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/spec/support/*.c")

# Asserts stay in, whatever the kind of build.
function(sslc_add_test_program TARGET)
  add_executable(${TARGET} ${ARGN})
  target_compile_options(${TARGET} PRIVATE -UNDEBUG)
  set_target_properties(${TARGET} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  sslc_flags(${TARGET})
endfunction()

add_custom_target(tools)
foreach(source ${programs})
  get_filename_component(name "${source}" NAME_WE)
  sslc_add_test_program(${name} "${source}")
  target_link_libraries(${name} PRIVATE static ${SSLC_LIBRARIES})
  add_dependencies(tools ${name})
endforeach()

file(GLOB casekit CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/spec/support/casekit/*.c")
sslc_add_test_program(casekit ${casekit})
target_link_libraries(casekit PRIVATE OpenSSL::Crypto)
add_dependencies(tools casekit)
