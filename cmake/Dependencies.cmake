# Every dependency, found in one place: by this build, and again by LockstepConfig.cmake beside which it is installed.
# What analyze needs comes first; the rest only when the trainers are built.
get_property(_languages GLOBAL PROPERTY ENABLED_LANGUAGES)
if(NOT C IN_LIST _languages)
  enable_language(C)  # FindHDF5 needs it
endif()
set(HDF5_PREFER_PARALLEL OFF)
find_package(HDF5 REQUIRED COMPONENTS C)
find_package(fmt REQUIRED)
find_package(Threads REQUIRED)
if(NOT TARGET lockstep_hdf5)
  add_library(lockstep_hdf5 INTERFACE IMPORTED GLOBAL)
  target_include_directories(lockstep_hdf5 INTERFACE ${HDF5_C_INCLUDE_DIRS})
  target_link_libraries(lockstep_hdf5 INTERFACE ${HDF5_C_LIBRARIES})
endif()

if(NOT LOCKSTEP_ANALYSIS_ONLY)
  find_package(yaml-cpp REQUIRED)
  if(NOT TARGET yaml-cpp::yaml-cpp)  # yaml-cpp < 0.8
    add_library(yaml-cpp::yaml-cpp ALIAS yaml-cpp)
  endif()
  find_package(Boost REQUIRED COMPONENTS program_options)
  find_package(ZLIB REQUIRED)
  find_package(MPI REQUIRED COMPONENTS CXX)
  include("${CMAKE_CURRENT_LIST_DIR}/LibTorch.cmake")
  if(LOCKSTEP_CUDA)
    include("${CMAKE_CURRENT_LIST_DIR}/Nccl.cmake")
  endif()
endif()
