# Language level, warnings, ccache, mold, sanitizers: what every target of the house shares.
set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")

set(INTERLOCK_SANITIZE "" CACHE STRING "Comma list for -fsanitize=, e.g. address,undefined or thread")

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE_PROGRAM})
endif()
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

add_library(interlock_flags INTERFACE)
target_compile_options(interlock_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Werror)
target_compile_definitions(interlock_flags INTERFACE BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_COROUTINE
                                                     BOOST_ERROR_CODE_HEADER_ONLY)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # g++ 12 reports these inside libstdc++ and Boost at -O2, where no defect is.
  target_compile_options(interlock_flags INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds -Wno-maybe-uninitialized
                                                   -Wno-dangling-pointer -Wno-stringop-overread -Wno-free-nonheap-object)
endif()
target_compile_options(interlock_flags INTERFACE -fstack-protector-strong -fno-omit-frame-pointer)
if(INTERLOCK_SANITIZE)
  add_compile_options(-fsanitize=${INTERLOCK_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${INTERLOCK_SANITIZE})
  if(INTERLOCK_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Asio has fences, which TSan does not see; what they order is held by a mutex too.
    add_compile_options(-Wno-tsan)
  endif()
else()
  target_compile_options(interlock_flags INTERFACE $<$<CONFIG:Release>:-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2>)
  add_link_options(-Wl,-z,relro,-z,now)
endif()
