# The Lua binding, sslconnect/core.so, once for each version in SSLC_LUA, each
# in a directory of its version's name.  It carries the core inside and exports
# luaopen_sslconnect_core alone.
find_package(PkgConfig REQUIRED)
file(GLOB SSLC_BINDING_SOURCES CONFIGURE_DEPENDS
  "${CMAKE_CURRENT_SOURCE_DIR}/lua/core/*.c")
if(NOT SSLC_BINDING_SOURCES)
  message(FATAL_ERROR "lua/core has no sources to build the binding from")
endif()

# What pkg-config calls each Lua, here and there.
set(SSLC_PC_5.1 lua5.1 lua-5.1 lua51)
set(SSLC_PC_5.2 lua5.2 lua-5.2 lua52)
set(SSLC_PC_5.3 lua5.3 lua-5.3 lua53)
set(SSLC_PC_5.4 lua5.4 lua-5.4 lua54)
set(SSLC_PC_5.5 lua5.5 lua-5.5 lua55)
set(SSLC_PC_jit luajit)

# Lua's own symbols come from the interpreter, so only its headers are needed.
function(sslc_add_binding LUA)
  if(NOT DEFINED SSLC_PC_${LUA})
    message(FATAL_ERROR "SSLC_LUA: there is no Lua called ${LUA}")
  endif()
  string(MAKE_C_IDENTIFIER "lua_${LUA}" target)
  pkg_search_module(${target}_PC REQUIRED ${SSLC_PC_${LUA}})
  add_library(${target} MODULE
    ${SSLC_BINDING_SOURCES} $<TARGET_OBJECTS:core_embedded>)
  set_target_properties(${target} PROPERTIES
    PREFIX "" SUFFIX ".so" OUTPUT_NAME core
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${LUA}/sslconnect")
  target_compile_definitions(${target} PRIVATE SSLC_STATIC)
  target_include_directories(${target} PRIVATE csrc/include)
  target_include_directories(${target} SYSTEM PRIVATE
    ${${target}_PC_INCLUDE_DIRS})
  target_link_libraries(${target} PRIVATE ${SSLC_LIBRARIES})
  if(APPLE)
    target_link_options(${target} PRIVATE -undefined dynamic_lookup)
  endif()
  sslc_flags(${target})
  sslc_harden(${target})
endfunction()

# For specs: the module support.native, which has BIOs of OpenSSL's own.
function(sslc_add_native LUA)
  string(MAKE_C_IDENTIFIER "lua_${LUA}" binding)
  set(target "${binding}_native")
  add_library(${target} MODULE spec/support/native/native.c)
  set_target_properties(${target} PROPERTIES
    PREFIX "" SUFFIX ".so" OUTPUT_NAME native
    LIBRARY_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/${LUA}/support")
  target_include_directories(${target} SYSTEM PRIVATE
    ${${binding}_PC_INCLUDE_DIRS})
  target_link_libraries(${target} PRIVATE ${SSLC_LIBRARIES})
  if(APPLE)
    target_link_options(${target} PRIVATE -undefined dynamic_lookup)
  endif()
  sslc_flags(${target})
endfunction()

foreach(lua ${SSLC_LUA})
  sslc_add_binding(${lua})
  if(SSLC_TESTS)
    sslc_add_native(${lua})
  endif()
endforeach()
