# NCCL as NCCL::nccl: the one LibTorch was built with when it lies beside it (a wheel), else the system's.
# Two NCCLs in one process fight over the same symbols; hence one is chosen here and printed.
if(TARGET NCCL::nccl)
  return()
endif()
get_filename_component(_site "${LIBTORCH_ROOT}/.." ABSOLUTE)
find_path(NCCL_INCLUDE_DIR nccl.h HINTS "${_site}/nvidia/nccl/include" "$ENV{NCCL_HOME}/include" ${CUDAToolkit_INCLUDE_DIRS})
# NAMES_PER_DIR: a wheel has libnccl.so.2 only, and the system's libnccl.so must not win by its name.
find_library(NCCL_LIBRARY NAMES nccl libnccl.so.2 NAMES_PER_DIR
  HINTS "${_site}/nvidia/nccl/lib" "$ENV{NCCL_HOME}/lib" ${CUDAToolkit_LIBRARY_DIR})
if(NOT NCCL_INCLUDE_DIR OR NOT NCCL_LIBRARY)
  message(FATAL_ERROR " NCCL not found; set NCCL_HOME, or configure with -DLOCKSTEP_CUDA=OFF")
endif()
add_library(NCCL::nccl SHARED IMPORTED GLOBAL)
set_target_properties(NCCL::nccl PROPERTIES IMPORTED_LOCATION "${NCCL_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${NCCL_INCLUDE_DIR}")
message(STATUS "NCCL ${NCCL_LIBRARY}")
