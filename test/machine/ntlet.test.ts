import { join } from 'node:path';
import test from 'ava';
import { RebekError } from '../../src/base/errors.ts';
import { builtins, DEFAULT_GUEST } from '../../src/machine/builtin.ts';
import { loadImages } from '../../src/machine/images.ts';
import { loadMachine } from '../../src/machine/machine.ts';
import { root } from '../support/probe.ts';

test('ntlet is the first built-in guest and the default; its image lies in the sources', async (t) => {
  t.is(builtins[0]?.name, 'ntlet');
  t.is(DEFAULT_GUEST, 'ntlet');
  t.is(builtins[0]?.builder, undefined);
  const machine = await loadMachine('ntlet');
  const { name, source, memory, serial, prompt, boot, nic } = machine;
  t.deepEqual(
    { name, source, memory, serial, prompt, nic: nic.model },
    { name: 'ntlet', source: 'ntlet', memory: 32, serial: 2, prompt: 'login: $', nic: 'ne2k' },
  );
  t.deepEqual(boot, { kind: 'multiboot', image: join(root, 'src/machine/ntlet/ntlet.bin') });
});

test('where its image is missing, the installation is to blame', async (t) => {
  const machine = await loadMachine('ntlet');
  const lost = {
    ...machine,
    boot: { kind: 'multiboot' as const, image: join(root, 'src/machine/ntlet/lost') },
  };
  const error = await t.throwsAsync(loadImages(lost), { instanceOf: RebekError });
  t.is(error.code, 'ERR_MACHINE_IMAGE_MISSING');
  t.regex(error.message, /ntlet: multiboot .*lost: no such file/);
  t.regex(error.hint ?? '', /installation of Rebek is damaged/);
});
