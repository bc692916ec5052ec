/** Memory that the GPU engine reserves. */

import { checkCopies, checkRefusals, checkWrites, checkZeros } from "../engines/reserved_case.ts";
import { gpuTest } from "./gpu.ts";

gpuTest("what is written into reserved memory is seen as it is stored", checkWrites);
gpuTest("reserved memory is zeros each time", checkZeros);
gpuTest("what does not fit reserved memory is refused", checkRefusals);
gpuTest("reserved memory is copied where it lies", checkCopies);
