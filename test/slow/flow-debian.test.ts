/**
 * The control-flow log of a busy Debian, kernel and all, against the slow reference: each instruction of a replay must be the next
 * of a logged block.
 */
import { join } from 'node:path';
import test from 'ava';
import { bootPc, debianGuest } from '../support/debian.ts';
import { compareFlow } from '../support/flow-reference.ts';
import { temporaryFolder } from '../support/probe.ts';
import { recordGuest } from '../support/record-guest.ts';

let guest: Awaited<ReturnType<typeof debianGuest>>;
let state: ArrayBuffer;

test.before('Debian boots to the prompt', async (t) => {
  t.timeout(600_000);
  guest = await debianGuest();
  const { pc, console } = await bootPc(guest.machine, guest.images);
  await console.logIn();
  state = await pc.saveState();
  await pc.stop();
  pc.destroy();
});

/** Processes, pipes, signals, files, the network, both kinds of numbers; and what each says in the end. */
const work: readonly (readonly [string, RegExp])[] = [
  ['ls -lR /etc /bin | sort -r | sed s/root/ROOT/ | gzip | gunzip | wc -l', /^\d\d+$/],
  ["sh -c 'for i in 1 2 3 4 5; do (sleep 1; echo $i) & done; wait; echo all'", /\nall$/],
  ["sh -c 'sleep 100 & kill $!; wait $!; echo $?'", /143$/],
  ['sh -c \'trap "echo caught" USR1; kill -USR1 $$; echo on\'', /^caught\non$/],
  ['ping -c2 192.168.86.1', /2 packets received/],
  ['wget -qO- http://127.0.0.1/ | head -2', /It works/],
  ['dd if=/bin/busybox of=/tmp/copy bs=700 count=300; md5sum < /tmp/copy; rm /tmp/copy', /[0-9a-f]{32}/],
  ['awk \'BEGIN { for (i = 1; i < 500; i++) s += i * 1.5 / 7; printf "%.6f\\n", s }\'', /\d\.\d{6}$/],
  ['seq 1 400 | factor | sort -n | tail -1', /^400: /],
  ['tar c /etc /var 2>/dev/null | xxd | tail -1', /^[0-9a-f]{8}: /],
];

/** A round is some 130 M instructions, which take the reference 20 s. */
const ROUNDS = 2;

for (const jit of [true, false]) {
  test.serial(
    `${jit ? 'compiled' : 'interpreted'}: each instruction is the next of a logged block`,
    async (t) => {
      t.timeout(900_000);
      const output = join(temporaryFolder(t), 'debian.rebek');
      const machine = { ...guest.machine, jit };
      const from = { name: 'prompt', state: state.slice(0) };
      const { images } = guest;
      const { console, finish } = await recordGuest(t, { machine, images, output, from, flow: true });
      console.type('\n');
      await console.waitFor(/[#$] /);
      for (let round = 0; round < ROUNDS; round++)
        for (const [command, says] of work) t.regex(await console.run(command), says, command);
      const result = await finish();
      t.log(`recorded ${result.instructions} instructions in ${Math.round(result.wallNs / 1e9)} s`);
      const started = performance.now();
      const tally = await compareFlow(output);
      t.log(`compared in ${Math.round((performance.now() - started) / 1000)} s: ${JSON.stringify(tally)}`);
      t.is(tally.instructions + tally.cutInstructions, result.instructions);
      t.true(tally.instructions > 200_000_000);
      t.true(tally.interrupts > 5000 && tally.returns > 20_000 && tally.addressSpaces > 3000);
      t.true(tally.branches > 20_000_000 && tally.notTaken > 10_000_000 && tally.repeated > 100);
      // Compiled blocks are logged whole, and left by exceptions; those of the interpreter end there.
      t.is(tally.cut > 50, jit);
      t.true(jit ? tally.interpreted < tally.blocks / 2 : tally.interpreted === tally.blocks);
      t.is(tally.adjustments, 0);
    },
  );
}
