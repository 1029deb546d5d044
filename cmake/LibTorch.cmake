# LibTorch as imported targets of our own: LibTorch::cpu and, for a CUDA build, LibTorch::cuda.
#
# find_package(Torch) of a CUDA wheel drags in nvcc, a language dialect check and every CUDA library, also for a
# program that only needs libtorch_cpu; we have no device code of our own and need none of that. Taken from, in this
# order: LIBTORCH_ROOT (variable or environment), Torch_DIR, CMAKE_PREFIX_PATH (the official zip, a wheel's torch/
# folder, Spack, a module), what scripts/bootstrap fetched into .deps/, and for an installed Lockstep the LibTorch it
# was built with. scripts/common.sh knows the same order.
if(TARGET LibTorch::cpu)
  return()
endif()
set(_torch_header include/torch/csrc/api/include/torch/torch.h)
if(LIBTORCH_ROOT AND NOT EXISTS "${LIBTORCH_ROOT}/${_torch_header}")
  if(NOT LIBTORCH_ROOT MATCHES "/\\.deps/")  # bootstrap may have fetched another one since
    message(FATAL_ERROR " LIBTORCH_ROOT ${LIBTORCH_ROOT} holds no LibTorch; correct it, or remove it with -U LIBTORCH_ROOT")
  endif()
  unset(LIBTORCH_ROOT CACHE)
endif()
if(DEFINED ENV{LIBTORCH_ROOT} AND NOT EXISTS "$ENV{LIBTORCH_ROOT}/${_torch_header}")
  message(FATAL_ERROR " LIBTORCH_ROOT $ENV{LIBTORCH_ROOT} (environment) holds no LibTorch; correct or unset it")
endif()

set(_torch_hints "$ENV{LIBTORCH_ROOT}")
foreach(_dir "${Torch_DIR}" "$ENV{Torch_DIR}")
  if(_dir)
    list(APPEND _torch_hints "${_dir}/../../..")
  endif()
endforeach()
list(APPEND _torch_hints ${CMAKE_PREFIX_PATH})
cmake_path(CONVERT "$ENV{CMAKE_PREFIX_PATH}" TO_CMAKE_PATH_LIST _torch_env)
list(APPEND _torch_hints ${_torch_env})
file(GLOB _torch_venv "${CMAKE_CURRENT_LIST_DIR}/../.deps/libtorch-venv/lib/python3*/site-packages/torch")
if(NOT LOCKSTEP_CUDA)
  list(APPEND _torch_hints "${CMAKE_CURRENT_LIST_DIR}/../.deps/libtorch/torch")
endif()
list(APPEND _torch_hints ${_torch_venv} "${LOCKSTEP_BUILT_WITH_LIBTORCH}")
# ../..: torch.utils.cmake_prefix_path is torch/share/cmake.
find_path(LIBTORCH_ROOT ${_torch_header} HINTS ${_torch_hints} PATH_SUFFIXES torch libtorch ../.. NO_DEFAULT_PATH
  DOC "Folder with LibTorch's include/ and lib/")
if(NOT LIBTORCH_ROOT)
  find_path(LIBTORCH_ROOT ${_torch_header} PATH_SUFFIXES torch libtorch)
endif()
if(NOT LIBTORCH_ROOT)
  message(FATAL_ERROR " LibTorch not found. Run scripts/bootstrap, or give -DCMAKE_PREFIX_PATH=/path/to/libtorch")
endif()
get_filename_component(LIBTORCH_ROOT "${LIBTORCH_ROOT}" ABSOLUTE)

file(STRINGS "${LIBTORCH_ROOT}/include/torch/csrc/api/include/torch/version.h" _v REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH)")
if(NOT _v)
  file(STRINGS "${LIBTORCH_ROOT}/include/torch/headeronly/version.h" _v REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH)")
endif()
string(REGEX REPLACE ".*MAJOR ([0-9]+).*MINOR ([0-9]+).*PATCH ([0-9]+).*" "\\1.\\2.\\3" LIBTORCH_VERSION "${_v}")
if(LIBTORCH_VERSION VERSION_LESS 2.4)
  message(FATAL_ERROR " LibTorch ${LIBTORCH_VERSION} in ${LIBTORCH_ROOT} is too old; 2.4 or newer is needed")
endif()
file(STRINGS "${LIBTORCH_ROOT}/share/cmake/Torch/TorchConfig.cmake" _old_abi REGEX "GLIBCXX_USE_CXX11_ABI=0")
if(_old_abi)
  message(FATAL_ERROR " LibTorch in ${LIBTORCH_ROOT} has the old C++ ABI; take the one named cxx11-abi-shared-with-deps")
endif()

# A wheel's include/ carries the headers of another fmt, whose library it lacks: header-only, that costs every
# translation unit seconds. The headers of the fmt that is linked go first, from a folder that holds nothing else,
# since a compiler does not move /usr/include to the front.
get_target_property(_fmt_folders fmt::fmt INTERFACE_INCLUDE_DIRECTORIES)
find_path(_fmt_headers format.h PATHS ${_fmt_folders} PATH_SUFFIXES fmt NO_CACHE NO_DEFAULT_PATH REQUIRED)
set(_fmt_first "${CMAKE_BINARY_DIR}/fmt_headers")
file(MAKE_DIRECTORY "${_fmt_first}")
file(CREATE_LINK "${_fmt_headers}" "${_fmt_first}/fmt" SYMBOLIC)

function(_libtorch_target name library)
  set(file "${LIBTORCH_ROOT}/lib/lib${library}${CMAKE_SHARED_LIBRARY_SUFFIX}")
  if(NOT EXISTS "${file}")
    message(FATAL_ERROR " LibTorch in ${LIBTORCH_ROOT} lacks ${file}")
  endif()
  add_library(${name} SHARED IMPORTED GLOBAL)
  set_target_properties(${name} PROPERTIES IMPORTED_LOCATION "${file}"
    INTERFACE_INCLUDE_DIRECTORIES
    "${_fmt_first};${LIBTORCH_ROOT}/include;${LIBTORCH_ROOT}/include/torch/csrc/api/include")
endfunction()
_libtorch_target(LibTorch::c10 c10)
_libtorch_target(LibTorch::cpu torch_cpu)
target_link_libraries(LibTorch::cpu INTERFACE LibTorch::c10)
# at::parallel_for is a template: in code compiled without OpenMP it runs on one thread, whatever parallel.threads says.
# A wheel has the runtime beside it; two of one name on the search path would be one too many.
find_package(OpenMP QUIET COMPONENTS CXX)
if(NOT OpenMP_CXX_FOUND)
  message(WARNING "no OpenMP for ${CMAKE_CXX_COMPILER}: loops of our own run on one thread; GCC has it, clang needs libomp-dev")
elseif(EXISTS "${LIBTORCH_ROOT}/lib/libgomp.so.1" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  separate_arguments(_openmp UNIX_COMMAND "${OpenMP_CXX_FLAGS}")
  target_compile_options(LibTorch::cpu INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${_openmp}>)
  target_link_libraries(LibTorch::cpu INTERFACE "${LIBTORCH_ROOT}/lib/libgomp.so.1")
else()
  target_link_libraries(LibTorch::cpu INTERFACE OpenMP::OpenMP_CXX)
endif()
# LibTorch's libraries are built with NDEBUG, and members of its classes depend on it (at::RecordFunction).
target_compile_definitions(LibTorch::c10 INTERFACE $<$<NOT:$<CONFIG:Release>>:NDEBUG>)

# Two CUDA runtimes of different releases in one process do not share streams and events.
function(_libtorch_check_cuda_release)
  foreach(file version.py build-version)
    if(EXISTS "${LIBTORCH_ROOT}/${file}")
      file(STRINGS "${LIBTORCH_ROOT}/${file}" line REGEX "\\+cu[0-9]+" LIMIT_COUNT 1)
      if(line MATCHES "\\+cu([0-9]+)[0-9]" AND NOT CMAKE_MATCH_1 EQUAL CUDAToolkit_VERSION_MAJOR)
        message(FATAL_ERROR " LibTorch in ${LIBTORCH_ROOT} was built for CUDA ${CMAKE_MATCH_1}, the toolkit in ${CUDAToolkit_BIN_DIR} is "
          "${CUDAToolkit_VERSION}; load a CUDA ${CMAKE_MATCH_1}, or configure with -DLOCKSTEP_CUDA=OFF")
      endif()
    endif()
  endforeach()
endfunction()

if(LOCKSTEP_CUDA)
  if(NOT EXISTS "${LIBTORCH_ROOT}/lib/libtorch_cuda.so")
    message(FATAL_ERROR " LibTorch in ${LIBTORCH_ROOT} has no CUDA; configure with -DLOCKSTEP_CUDA=OFF, or run scripts/bootstrap --cuda")
  endif()
  find_package(CUDAToolkit 12 QUIET)
  if(NOT CUDAToolkit_FOUND)
    message(FATAL_ERROR " CUDA Toolkit 12 or newer not found; load it, so that nvcc is on PATH, or configure with -DLOCKSTEP_CUDA=OFF")
  endif()
  _libtorch_check_cuda_release()
  _libtorch_target(LibTorch::c10_cuda c10_cuda)
  _libtorch_target(LibTorch::torch_cuda torch_cuda)
  # Nothing of ours names a symbol of libtorch_cuda: it registers its kernels when it is loaded.
  add_library(LibTorch::cuda INTERFACE IMPORTED GLOBAL)
  target_link_libraries(LibTorch::cuda INTERFACE LibTorch::cpu LibTorch::c10_cuda CUDA::cudart
    "-Wl,--no-as-needed,$<TARGET_FILE:LibTorch::torch_cuda>,--as-needed")
endif()
message(STATUS "LibTorch ${LIBTORCH_VERSION} in ${LIBTORCH_ROOT}, CUDA ${LOCKSTEP_CUDA}")
