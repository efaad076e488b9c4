/**
 * Refusals as a program of classic BPF, which the kernel runs at each system call (seccomp(2)). An instruction has 8 bytes, and a
 * jump of it counts instructions from the next one:
 *
 *     0       2           3            4                       8
 *     | code  | jump true | jump false | operand k (32 bits)   |
 *
 * The program reads a struct seccomp_data, and of each argument the low half only: the arguments it asks for are ints, or flags of
 * the lower 32 bits.
 *
 *     0      4             8                     16           24
 *     | call | architecture | instruction pointer | argument 0 | argument 1 ...
 *
 * It begins with the architecture and the numbers of x32, a second set of calls on x86_64; then one block for each refused call,
 * and what is in none is allowed. The kernel remembers which calls are allowed whatever their arguments, so for them no instruction
 * runs (Linux 5.11).
 */
import { type Architecture, type Condition, numberOf, type Refusal } from './system-calls.ts';

/** linux/bpf_common.h. */
const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_ANY_BIT = 0x45;
const JUMP_GREATER_EQUAL = 0x35;
const RETURN = 0x06;
/** linux/seccomp.h. */
const ALLOW = 0x7fff0000;
const ERROR = 0x00050000;
const CALL_OFFSET = 0;
const ARCHITECTURE_OFFSET = 4;
const ARGUMENTS_OFFSET = 16;
/** linux/audit.h. */
const AUDIT_ARCHITECTURES = { x64: 0xc000003e, arm64: 0xc00000b7 } as const;
const X32_BIT = 0x40000000;
const EPERM = 1;
const ENOSYS = 38;
const INSTRUCTION_BYTES = 8;

type Instruction = readonly [code: number, jumpTrue: number, jumpFalse: number, operand: number];

export function filterProgram(refusals: readonly Refusal[], architecture: Architecture): Uint8Array {
  const blocks = refusals.flatMap(({ calls, when, error = EPERM }) =>
    calls.flatMap((call) => {
      const number = numberOf(call, architecture);
      return number === undefined ? [] : block(number, when, error);
    }),
  );
  return encode([...prologue(architecture), ...blocks, [RETURN, 0, 0, ALLOW]]);
}

export function hasFilter(architecture: string): architecture is Architecture {
  return architecture in AUDIT_ARCHITECTURES;
}

/** Calls of another architecture, of 32 bits, would pass by their other numbers. */
function prologue(architecture: Architecture): readonly Instruction[] {
  return [
    [LOAD, 0, 0, ARCHITECTURE_OFFSET],
    [JUMP_EQUAL, 1, 0, AUDIT_ARCHITECTURES[architecture]],
    [RETURN, 0, 0, ERROR | ENOSYS],
    [LOAD, 0, 0, CALL_OFFSET],
    [JUMP_GREATER_EQUAL, 0, 1, X32_BIT],
    [RETURN, 0, 0, ERROR | ENOSYS],
  ];
}

/** Ends with the call's number loaded, as it began, or with the refusal. */
function block(number: number, when: Condition | undefined, error: number): readonly Instruction[] {
  const refuse: Instruction = [RETURN, 0, 0, ERROR | error];
  if (when === undefined) return [[JUMP_EQUAL, 0, 1, number], refuse];
  const tests = [...firstTest(when, testOf(when).length), ...testOf(when), refuse];
  return [[JUMP_EQUAL, 0, tests.length, number], ...tests, [LOAD, 0, 0, CALL_OFFSET]];
}

/** Skips the other test and the refusal where the first argument is another. */
function firstTest({ whereFirst }: Condition, skipped: number): readonly Instruction[] {
  if (whereFirst === undefined) return [];
  return [loadArgument(0), [JUMP_EQUAL, 0, skipped + 1, whereFirst]];
}

/** Runs into the refusal that follows it, or skips it. */
function testOf(when: Condition): readonly Instruction[] {
  const load = loadArgument(when.argument);
  if ('hasAnyOf' in when) return [load, [JUMP_ANY_BIT, 0, 1, when.hasAnyOf]];
  if ('lacks' in when) return [load, [JUMP_ANY_BIT, 1, 0, when.lacks]];
  const values = 'is' in when ? when.is : when.isNot;
  const last = values.length - 1;
  const [found, missed] = 'is' in when ? [0, 1] : [1, 0];
  return [
    load,
    ...values.map((value, at): Instruction => [JUMP_EQUAL, found + last - at, at === last ? missed : 0, value]),
  ];
}

function loadArgument(argument: number): Instruction {
  return [LOAD, 0, 0, ARGUMENTS_OFFSET + 8 * argument];
}

/** In the byte order of both architectures. */
function encode(instructions: readonly Instruction[]): Uint8Array {
  const bytes = new DataView(new ArrayBuffer(instructions.length * INSTRUCTION_BYTES));
  instructions.forEach(([code, jumpTrue, jumpFalse, operand], index) => {
    const at = index * INSTRUCTION_BYTES;
    bytes.setUint16(at, code, true);
    bytes.setUint8(at + 2, jumpTrue);
    bytes.setUint8(at + 3, jumpFalse);
    bytes.setUint32(at + 4, operand, true);
  });
  return new Uint8Array(bytes.buffer);
}
