# LibTorch as imported targets of our own: LibTorch::cpu and, for a CUDA build, LibTorch::cuda.
#
# find_package(Torch) of a CUDA wheel drags in nvcc, a language dialect check and every CUDA library, also for a
# program that only needs libtorch_cpu; we have no device code of our own and need none of that. Found from
# CMAKE_PREFIX_PATH or Torch_DIR (the official zip, a wheel's torch/ folder, Spack, a module), else from what
# scripts/bootstrap fetched into .deps/.
file(GLOB _lockstep_deps LIST_DIRECTORIES true
  "${CMAKE_SOURCE_DIR}/.deps/libtorch/torch"
  "${CMAKE_SOURCE_DIR}/.deps/libtorch-venv/lib/python3*/site-packages/torch")
if(Torch_DIR)
  get_filename_component(_torch_from_dir "${Torch_DIR}/../../.." ABSOLUTE)
endif()
find_path(LIBTORCH_ROOT include/torch/csrc/api/include/torch/torch.h
  HINTS ${_torch_from_dir} PATHS ${_lockstep_deps} PATH_SUFFIXES torch libtorch
  DOC "Folder with LibTorch's include/ and lib/")
if(NOT LIBTORCH_ROOT)
  message(FATAL_ERROR "LibTorch not found. Run scripts/bootstrap, or give -DCMAKE_PREFIX_PATH=/path/to/libtorch")
endif()
file(STRINGS "${LIBTORCH_ROOT}/include/torch/csrc/api/include/torch/version.h" _v REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH)")
if(NOT _v)
  file(STRINGS "${LIBTORCH_ROOT}/include/torch/headeronly/version.h" _v REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH)")
endif()
string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3" LIBTORCH_VERSION "${_v}")
if(LIBTORCH_VERSION VERSION_LESS 2.4)
  message(FATAL_ERROR "LibTorch ${LIBTORCH_VERSION} in ${LIBTORCH_ROOT} is too old; 2.4 or newer is needed")
endif()
file(STRINGS "${LIBTORCH_ROOT}/share/cmake/Torch/TorchConfig.cmake" _old_abi REGEX "GLIBCXX_USE_CXX11_ABI=0")
if(_old_abi)
  message(FATAL_ERROR "LibTorch in ${LIBTORCH_ROOT} has the old C++ ABI; take the one named cxx11-abi-shared-with-deps")
endif()

function(_libtorch_target name library)
  find_library(LIBTORCH_${library} ${library} PATHS "${LIBTORCH_ROOT}/lib" NO_DEFAULT_PATH REQUIRED)
  add_library(${name} SHARED IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION "${LIBTORCH_${library}}"
    INTERFACE_INCLUDE_DIRECTORIES "${LIBTORCH_ROOT}/include;${LIBTORCH_ROOT}/include/torch/csrc/api/include")
endfunction()
_libtorch_target(LibTorch::c10 c10)
_libtorch_target(LibTorch::cpu torch_cpu)
target_link_libraries(LibTorch::cpu INTERFACE LibTorch::c10)
# LibTorch's own OpenMP runtime, so that the process has one and not two.
list(APPEND CMAKE_BUILD_RPATH "${LIBTORCH_ROOT}/lib")
set(LIBTORCH_RPATH "${LIBTORCH_ROOT}/lib")

if(LOCKSTEP_CUDA)
  if(NOT EXISTS "${LIBTORCH_ROOT}/lib/libtorch_cuda.so")
    message(FATAL_ERROR "LibTorch in ${LIBTORCH_ROOT} has no CUDA; configure with -DLOCKSTEP_CUDA=OFF, or run scripts/bootstrap --cuda")
  endif()
  find_package(CUDAToolkit 12 REQUIRED)
  _libtorch_target(LibTorch::c10_cuda c10_cuda)
  _libtorch_target(LibTorch::torch_cuda torch_cuda)
  # Nothing of ours names a symbol of libtorch_cuda: it registers its kernels when it is loaded.
  add_library(lockstep_torch_cuda INTERFACE)
  target_link_libraries(lockstep_torch_cuda INTERFACE LibTorch::cpu LibTorch::c10_cuda CUDA::cudart
    "-Wl,--no-as-needed,$<TARGET_FILE:LibTorch::torch_cuda>,--as-needed")
  add_library(LibTorch::cuda ALIAS lockstep_torch_cuda)
endif()
message(STATUS "LibTorch ${LIBTORCH_VERSION} in ${LIBTORCH_ROOT}, CUDA ${LOCKSTEP_CUDA}")
