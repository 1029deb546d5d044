from pathlib import Path

from spack.package import *


class Lockstep(CMakePackage, CudaPackage):
    """Compares sequential, data-parallel and model-parallel training over MPI and NCCL, and says with evidence
    whether parallel training pays: train_seq, train_ddp, train_mp, commbench, sweep and analyze, and
    DistributedDataParallel for LibTorch."""

    # The clone that this recipe lies in.
    git = Path(__file__).resolve().parents[4].as_uri()
    homepage = git
    license("Apache-2.0")

    version("main", branch="main")

    variant("analysis_only", default=False, description="analyze alone, without LibTorch, MPI and CUDA")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("cmake@3.22:", type="build")

    # What analyze needs; the trainers need the rest.
    depends_on("hdf5@1.10: ~mpi")
    depends_on("fmt@8:")
    depends_on("nlohmann-json@3.9:")
    depends_on("xxhash@0.8:")
    depends_on("gnuplot", type="run")
    with when("~analysis_only"):
        depends_on("mpi")
        depends_on("yaml-cpp@0.7:")
        depends_on("boost@1.74: +program_options")
        depends_on("zlib-api")
        depends_on("libpng")
        depends_on("hwloc@2:")
        # It puts its share/cmake into CMAKE_PREFIX_PATH, beside which cmake/LibTorch.cmake finds the rest.
        depends_on("py-torch@2.4: ~cuda", when="~cuda")
        depends_on("py-torch@2.4: +cuda +nccl", when="+cuda")
        depends_on("nccl", when="+cuda")

    conflicts("%gcc@:10", msg="C++20 needs GCC 11")
    conflicts("+cuda", when="+analysis_only")
    conflicts("cuda_arch=none", when="+cuda", msg="name the GPUs, for example cuda_arch=90")

    def cmake_args(self):
        args = [
            self.define_from_variant("LOCKSTEP_CUDA", "cuda"),
            self.define_from_variant("LOCKSTEP_ANALYSIS_ONLY", "analysis_only"),
        ]
        if self.spec.satisfies("+cuda"):
            args.append(self.define("CMAKE_CUDA_ARCHITECTURES", self.spec.variants["cuda_arch"].value))
        return args
