// A held act, and the human who answers it: what is asked is seen by `interlock approve`, and a yes is its word.
export async function pending(world) {
  const { code, stdout } = await world.cli("approvals", "--json");
  return code === 0 ? JSON.parse(stdout).approvals : [];
}

// Answers each act that is held until stop(); returns what was asked. answer: "approve" or "deny".
export function human(world, answer) {
  const asked = [];
  let over = false;
  const ended = (async () => {
    while (!over) {
      for (const one of await pending(world)) {
        if (asked.some(({ id }) => id === one.id)) continue;
        asked.push(one);
        one.answered = await world.cli(answer, one.id, ...(answer === "approve" ? ["--yes"] : []));
      }
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  return {
    asked,
    async stop() {
      over = true;
      await ended;
    },
  };
}
