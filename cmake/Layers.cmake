# lockstep_layer(NAME SOURCES ... LINKS ... [PUBLIC_LINKS ...] [TORCH])
# One static library a folder under lib/. LINKS are kept private; layers below are named with their lockstep_ target
# names in PUBLIC_LINKS. TORCH: uses LibTorch, with the shared precompiled header.
# Who may include whom, and who owns which third-party header, is checked by cmake/CheckLayers.cmake at every build.
function(lockstep_layer NAME)
  cmake_parse_arguments(L "TORCH" "" "SOURCES;LINKS;PUBLIC_LINKS" ${ARGN})
  set(target lockstep_${NAME})
  add_library(${target} STATIC ${L_SOURCES})
  add_library(Lockstep::${NAME} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${NAME} POSITION_INDEPENDENT_CODE ON)
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}/lib> $<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/generated>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/lockstep>)
  target_link_libraries(${target} PUBLIC ${L_PUBLIC_LINKS} PRIVATE $<BUILD_INTERFACE:lockstep_options> ${L_LINKS})
  target_compile_features(${target} PUBLIC cxx_std_20)
  if(L_TORCH)
    lockstep_use_torch(${target})
  endif()
  set_property(GLOBAL APPEND PROPERTY LOCKSTEP_LAYERS ${target})
endfunction()

# The translation units that include LibTorch share one precompiled header (25 s each without it).
function(lockstep_use_torch target)
  if(LOCKSTEP_CUDA)
    target_link_libraries(${target} PUBLIC LibTorch::cuda)
    target_compile_definitions(${target} PUBLIC LOCKSTEP_WITH_CUDA=1)
  else()
    target_link_libraries(${target} PUBLIC LibTorch::cpu)
  endif()
  if(NOT TARGET lockstep_pch)
    file(WRITE ${CMAKE_BINARY_DIR}/generated/lockstep_pch.cpp "")
    add_library(lockstep_pch OBJECT ${CMAKE_BINARY_DIR}/generated/lockstep_pch.cpp)
    set_target_properties(lockstep_pch PROPERTIES POSITION_INDEPENDENT_CODE ON)
    target_link_libraries(lockstep_pch PRIVATE lockstep_options $<IF:$<BOOL:${LOCKSTEP_CUDA}>,LibTorch::cuda,LibTorch::cpu>)
    if(LOCKSTEP_CUDA)
      target_compile_definitions(lockstep_pch PRIVATE LOCKSTEP_WITH_CUDA=1)
    endif()
    target_precompile_headers(lockstep_pch PRIVATE <ATen/ATen.h> <torch/types.h> <torch/nn/module.h>
      <torch/csrc/autograd/variable.h> <map> <memory> <string> <vector>)
  endif()
  # The precompiled header is of -fPIC code, and is ignored by -fPIE, which CMake would give to programs.
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE OFF)
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
  target_precompile_headers(${target} REUSE_FROM lockstep_pch)
endfunction()

add_custom_target(lockstep_check_layers ALL
  COMMAND ${CMAKE_COMMAND} -DSOURCE_DIR=${CMAKE_SOURCE_DIR} -P ${CMAKE_SOURCE_DIR}/cmake/CheckLayers.cmake
  COMMENT "Checking that no layer reaches up")
