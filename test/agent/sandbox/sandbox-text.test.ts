import { expect, test } from 'vitest';
import type { Sandbox } from '../../../agent/model/sandbox.ts';
import { sandboxText } from '../../../agent/sandbox/sandbox-text.ts';

const LIMITED: Sandbox = {
  user: { uid: 997, name: 'flowlogd', reason: null, handedOver: 0 },
  capabilities: ['CAP_NET_RAW'],
  files: { limited: true, landlock: 7, reason: null },
  systemCalls: { limited: true, programs: false, reason: null },
};

test.each<[string, Partial<Sandbox>]>([
  ['user flowlogd, CAP_NET_RAW, files limited (Landlock 7), system calls limited', {}],
  [
    'user 1234, CAP_NET_RAW, files limited (Landlock 7), system calls limited',
    { user: { ...LIMITED.user, uid: 1234, name: null } },
  ],
  ['user flowlogd, no capabilities, files limited (Landlock 7), system calls limited', { capabilities: [] }],
  [
    'user flowlogd, CAP_A CAP_B CAP_C CAP_D, files limited (Landlock 7), system calls limited',
    { capabilities: ['CAP_A', 'CAP_B', 'CAP_C', 'CAP_D'] },
  ],
  [
    'user flowlogd, 5 capabilities, files limited (Landlock 7), system calls limited',
    { capabilities: ['CAP_A', 'CAP_B', 'CAP_C', 'CAP_D', 'CAP_E'] },
  ],
  [
    'user flowlogd, CAP_NET_RAW, files not limited (the kernel has no Landlock), system calls limited',
    { files: { limited: false, landlock: 0, reason: 'the kernel has no Landlock' } },
  ],
  [
    'user flowlogd, CAP_NET_RAW, files limited (Landlock 7), system calls limited, the embedded log service may be started',
    { systemCalls: { limited: true, programs: true, reason: null } },
  ],
  [
    'user flowlogd, CAP_NET_RAW, files limited (Landlock 7), system calls not limited (not available on riscv64)',
    { systemCalls: { limited: false, programs: true, reason: 'not available on riscv64' } },
  ],
])('%s', (text, parts) => expect(sandboxText({ ...LIMITED, ...parts })).toBe(text));
