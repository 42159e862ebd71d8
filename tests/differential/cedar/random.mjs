// Random choices from a seed: the same seed makes the same case on every machine.
export class Random {
  constructor(seed) {
    this.state = seed >>> 0;
  }

  // Mulberry32: uniform in [0, 1).
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n) {
    return Math.floor(this.next() * n);
  }

  between(low, high) {
    return low + this.below(high - low + 1);
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  // Each element with the given probability.
  some(list, probability) {
    return list.filter(() => this.chance(probability));
  }
}
