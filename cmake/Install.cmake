# cmake --install: the programs, the layers as static libraries with their headers, and find_package(Lockstep).
include(CMakePackageConfigHelpers)
set(_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/Lockstep")

get_property(_layers GLOBAL PROPERTY LOCKSTEP_LAYERS)
install(TARGETS ${_layers} EXPORT LockstepTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY lib/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lockstep FILES_MATCHING PATTERN "*.hpp")
# Headers that have moved, under the names they had.
install(DIRECTORY cmake/moved_headers/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/lockstep FILES_MATCHING PATTERN "*.hpp")

foreach(_folder apps analysis)
  if(_folder STREQUAL "apps" AND LOCKSTEP_ANALYSIS_ONLY)
    continue()
  endif()
  get_property(_targets DIRECTORY ${_folder} PROPERTY BUILDSYSTEM_TARGETS)
  foreach(_target IN LISTS _targets)
    get_target_property(_type ${_target} TYPE)
    if(_type STREQUAL "EXECUTABLE" AND NOT _target STREQUAL "lockstep_docs")  # which serves this tree only
      set_target_properties(${_target} PROPERTIES INSTALL_RPATH_USE_LINK_PATH ON)
      if(LIBTORCH_ROOT AND _folder STREQUAL "apps")
        # A LibTorch inside the source tree is not among the paths that CMake keeps by itself.
        set_target_properties(${_target} PROPERTIES INSTALL_RPATH "${LIBTORCH_ROOT}/lib")
      endif()
      install(TARGETS ${_target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
    endif()
  endforeach()
endforeach()

install(EXPORT LockstepTargets NAMESPACE Lockstep:: DESTINATION ${_package_dir})
configure_package_config_file(cmake/LockstepConfig.cmake.in ${CMAKE_BINARY_DIR}/LockstepConfig.cmake
  INSTALL_DESTINATION ${_package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/LockstepConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/LockstepConfig.cmake ${CMAKE_BINARY_DIR}/LockstepConfigVersion.cmake
  cmake/Dependencies.cmake cmake/LibTorch.cmake cmake/Nccl.cmake cmake/Findhwloc.cmake DESTINATION ${_package_dir})
