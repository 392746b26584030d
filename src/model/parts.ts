import type { UploadPart } from '../api/generated';

/** One part of a file that is to be sent: bytes `start` to `end` (exclusive). */
export interface IPart {
  number: number;
  start: number;
  end: number;
}

/** The parts of a file of `size` bytes; an empty file has none, the server needs none for it. */
export function partsOf(size: number, partSize: number): IPart[] {
  const parts: IPart[] = [];
  for (let start = 0; start < size; start += partSize) {
    parts.push({ number: parts.length + 1, start, end: Math.min(size, start + partSize) });
  }
  return parts;
}

/** The parts that did not arrive yet; one of another size than planned did not. */
export function missingParts(parts: readonly IPart[], arrived: readonly UploadPart[]): IPart[] {
  const sizes = new Map(arrived.map(part => [part.number, part.size]));
  return parts.filter(part => sizes.get(part.number) !== part.end - part.start);
}

/** How fast bytes go, over the last few seconds. */
export class Speedometer {
  /** `span` in milliseconds: long enough to be calm, short enough to notice a stall. */
  constructor(private readonly _span = 4000) {}

  /** Note that so many bytes had been sent at a moment (milliseconds). */
  note(now: number, bytes: number): void {
    this._samples.push([now, bytes]);
    while (this._samples.length > 2 && this._samples[1]![0] < now - this._span) {
      this._samples.shift();
    }
  }

  /** Bytes a second; 0 while nothing is known. */
  speed(now: number): number {
    const first = this._samples[0];
    const last = this._samples.at(-1);
    if (!first || !last || now - first[0] < 250) {
      return 0;
    }
    return Math.max(0, (last[1] - first[1]) / ((now - first[0]) / 1000));
  }

  private readonly _samples: [number, number][] = [];
}

/** At most so many at once; the others wait in turn. */
export class Semaphore {
  constructor(private _free: number) {}

  /** Run a task when there is room for it. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this._free === 0) {
      await new Promise<void>(resolve => this._waiting.push(resolve));
    } else {
      this._free--;
    }
    try {
      return await task();
    } finally {
      const next = this._waiting.shift();
      if (next) {
        next();
      } else {
        this._free++;
      }
    }
  }

  private readonly _waiting: (() => void)[] = [];
}
