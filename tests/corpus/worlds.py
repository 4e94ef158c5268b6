"""What the hub does while a case runs: the actions a case may ask for by name, and the way back to how it began."""

from __future__ import annotations

from typing import Any

from tests.server import World


class Actions:
    """`act("move")` and so on; `begin()` before each side of each case."""

    def __init__(self, world: World, commits: dict[str, str]) -> None:
        self.world = world
        self.commits = commits
        self.is_down = False

    def begin(self) -> None:
        self.world.heal()
        self.up()
        self.world.hub.repos["models", "org/moving"].branch("main", self.commits["moving"])
        for bucket in ("api", "resolvers"):
            self.world.quotas.limit(bucket, None)
        hub = self.world.hub
        hub.page_size, hub.linked_on_307, hub.bare_401, hub.xet_cas = 1000, False, False, True
        for repo in hub.repos.values():
            repo.disabled = repo.id == "org/disabled"
        hub.repos["models", "org/gated-manual"].readers.clear()
        self.world.clear()

    def act(self, action: str, /, **values: Any) -> None:
        getattr(self, action)(**values)

    def move(self) -> None:
        self.world.hub.repos["models", "org/moving"].branch("main", self.commits["moved"])

    def down(self, what: str = "hub") -> None:
        self.is_down = True
        self.world.down(what)

    def up(self) -> None:
        if self.is_down:
            self.world.up()
            self.is_down = False

    def fault(self, origin: str, glob: str, behaviour: str, times: int | None = None, skip: int = 0, **options: Any) -> None:
        self.world.fault(origin, glob, behaviour, times, skip, **options)

    def heal(self) -> None:
        self.world.heal()

    def quota(self, bucket: str, requests: int | None) -> None:
        self.world.quota(bucket, requests)

    def option(self, name: str, value: Any) -> None:
        setattr(self.world.hub, name, value)

    def disable(self, repo: str) -> None:
        self.world.hub.repos["models", repo].disabled = True

    def grant(self, repo: str, token: str) -> None:
        self.world.hub.repos["models", repo].readers.add(token)
