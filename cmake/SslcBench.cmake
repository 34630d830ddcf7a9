# The programs of bench/, in bin/: bench-server and bench-delay, the contenders
# in C, and for the contenders in Lua the module benchusage, beside the binding.
function(sslc_add_bench TARGET)
  add_executable(${TARGET} ${ARGN})
  set_target_properties(${TARGET} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  sslc_flags(${TARGET})
endfunction()

sslc_add_bench(bench-server bench/server.c)
sslc_add_bench(bench-delay bench/delay.c)
sslc_add_bench(bench-run bench/run.c)
sslc_add_bench(bench-baseline bench/c/baseline.c bench/c/work.c)
sslc_add_bench(bench-ours bench/c/ours.c bench/c/work.c)
target_link_libraries(bench-server PRIVATE OpenSSL::SSL OpenSSL::Crypto)
target_link_libraries(bench-baseline PRIVATE OpenSSL::SSL OpenSSL::Crypto)
target_link_libraries(bench-ours PRIVATE shared)

foreach(lua ${SSLC_LUA})
  string(MAKE_C_IDENTIFIER "lua_${lua}" binding)
  set(target "${binding}_usage")
  add_library(${target} MODULE bench/lua/usage.c)
  set_target_properties(${target} PROPERTIES
    PREFIX "" SUFFIX ".so" OUTPUT_NAME benchusage
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${lua}")
  target_include_directories(${target} SYSTEM PRIVATE
    ${${binding}_PC_INCLUDE_DIRS})
  sslc_flags(${target})
endforeach()
