# How things are compiled and linked: warnings, sanitizers, hardening, and the
# list of the symbols that the shared library exports.
include(CheckCSourceCompiles)

# Sets VARIABLE to whether the linker takes FLAG.
function(sslc_linker_takes FLAG VARIABLE)
  set(CMAKE_REQUIRED_LINK_OPTIONS "${FLAG}")
  check_c_source_compiles("int main(void) { return 0; }" ${VARIABLE})
endfunction()

function(sslc_flags TARGET)
  target_compile_options(${TARGET} PRIVATE
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion
    $<$<BOOL:${SSLC_WERROR}>:-Werror>)
  if(SSLC_SANITIZE)
    target_compile_options(${TARGET} PRIVATE
      -fsanitize=address,undefined -fno-sanitize-recover=all
      -fno-omit-frame-pointer)
  endif()
endfunction()

if(SSLC_SANITIZE)
  add_link_options(-fsanitize=address,undefined)
endif()

# What is loaded with dlopen stays: OpenSSL calls back into it until the end of
# the process.  Tables of addresses are read-only once all is resolved.
set(SSLC_HARDENING)
foreach(keyword nodelete relro now)
  sslc_linker_takes("-Wl,-z,${keyword}" LINKER_TAKES_Z_${keyword})
  if(LINKER_TAKES_Z_${keyword})
    list(APPEND SSLC_HARDENING "-Wl,-z,${keyword}")
  endif()
endforeach()

function(sslc_harden TARGET)
  target_link_options(${TARGET} PRIVATE ${SSLC_HARDENING})
endfunction()

# Exports what LIST names and nothing else; nothing may be left undefined.
function(sslc_export_only TARGET LIST)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${LIST}")
  file(STRINGS "${LIST}" names REGEX "^sslc_")
  list(JOIN names ";\n    " names)
  set(map "${CMAKE_CURRENT_BINARY_DIR}/sslconnect.map")
  set(node "SSLCONNECT_${SSLC_ABI_VERSION}")
  file(WRITE "${map}.new"
    "${node} {\n  global:\n    ${names};\n  local:\n    *;\n};\n")
  configure_file("${map}.new" "${map}" COPYONLY)

  sslc_linker_takes("-Wl,--version-script=${map}" LINKER_TAKES_VERSION_SCRIPT)
  if(LINKER_TAKES_VERSION_SCRIPT)
    target_link_options(${TARGET} PRIVATE "-Wl,--version-script=${map}")
    set_property(TARGET ${TARGET} APPEND PROPERTY LINK_DEPENDS "${map}")
  endif()
  # The sanitizers' own symbols come from the executable.
  sslc_linker_takes("-Wl,--no-undefined" LINKER_TAKES_NO_UNDEFINED)
  if(LINKER_TAKES_NO_UNDEFINED AND NOT SSLC_SANITIZE)
    target_link_options(${TARGET} PRIVATE -Wl,--no-undefined)
  endif()
endfunction()
