# The C tests, one program a file of csrc/tests/test_*.c.
find_package(PkgConfig REQUIRED)
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
file(GLOB tests CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/csrc/tests/test_*.c")
file(GLOB helpers CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/csrc/tests/support*.c")
set(SSLC_TEST_CERTS "${CMAKE_BINARY_DIR}/test-certs")

if(TARGET certkit)
  add_test(NAME certkit COMMAND certkit "${SSLC_TEST_CERTS}")
  set_tests_properties(certkit PROPERTIES FIXTURES_SETUP certs)
else()
  message(WARNING "spec/support/certkit.c is missing: no certificates to test")
endif()

# The static library, with what is internal in reach.
add_library(test_support INTERFACE)
target_link_libraries(test_support INTERFACE
  static PkgConfig::CMOCKA ${SSLC_LIBRARIES})
target_include_directories(test_support INTERFACE csrc csrc/tests)
target_compile_definitions(test_support INTERFACE
  SSLC_TEST_DOCS="${CMAKE_CURRENT_SOURCE_DIR}/docs")
if(helpers)
  add_library(test_helpers STATIC ${helpers})
  target_link_libraries(test_helpers PUBLIC
    static PkgConfig::CMOCKA ${SSLC_LIBRARIES})
  target_include_directories(test_helpers PRIVATE csrc csrc/tests)
  sslc_flags(test_helpers)
  target_link_libraries(test_support INTERFACE test_helpers)
endif()

function(sslc_add_test NAME LABEL TIMEOUT)
  add_test(NAME ${NAME} COMMAND ${ARGN})
  set_tests_properties(${NAME} PROPERTIES
    LABELS "${LABEL}" TIMEOUT ${TIMEOUT} FIXTURES_REQUIRED certs
    ENVIRONMENT
    "SSLC_TEST_CERTS=${SSLC_TEST_CERTS};SSLC_BIN=${CMAKE_BINARY_DIR}/bin")
endfunction()

if(SSLC_VALGRIND)
  find_program(VALGRIND valgrind REQUIRED)
  set(memcheck "${VALGRIND}" --quiet --error-exitcode=99 --leak-check=full
    --errors-for-leak-kinds=definite --show-leak-kinds=definite)
  # Thousands of processes, of handshakes, or of allocations that fail, many
  # keys, megabytes, and threads, of which valgrind runs one at a time: what is
  # a minute with sanitizers, which look for the same, is many of them here.
  string(CONCAT memcheck_leaves_out
    "^test_(interrupted|cases|records|bulk|ssl_overview|policy|ocsp|chain_api"
    "|key_update|signatures|threads|identity_choice|identity_forms"
    "|hooks_server|.*oom)$")
endif()
foreach(source ${tests})
  get_filename_component(name "${source}" NAME_WE)
  sslc_add_test_program(${name} "${source}")
  target_link_libraries(${name} PRIVATE test_support)
  sslc_add_test(${name} plain 300 ${name})
  if(SSLC_VALGRIND AND NOT name MATCHES "${memcheck_leaves_out}")
    sslc_add_test(valgrind.${name} valgrind 300
      ${memcheck} $<TARGET_FILE:${name}>)
  endif()
endforeach()

# The verification hook once more as it is with an OpenSSL that cannot suspend a
# client's verification (1.1.1), whatever the one here can: hooks.c of its own
# comes before the library's.
sslc_add_test_program(test_hooks_late
  "${CMAKE_CURRENT_SOURCE_DIR}/csrc/tests/test_hooks.c"
  "${CMAKE_CURRENT_SOURCE_DIR}/csrc/hooks.c")
target_compile_definitions(test_hooks_late PRIVATE
  SSLC_STATIC SSLC_WITHOUT_RETRY_VERIFY)
target_include_directories(test_hooks_late PRIVATE csrc/include csrc)
target_link_libraries(test_hooks_late PRIVATE test_support)
sslc_add_test(test_hooks_late plain 300 test_hooks_late)
