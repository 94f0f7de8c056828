"""Agents that learned to trade by reward, for HybridAi. To change them, copy this file under a name
of yours."""

from perpkit.bot.hybrid.guarded_model import GuardedModel, unavailable

try:
    from perpkit.bot.hybrid.agents_model import AgentsModel
except ModuleNotFoundError as error:
    AgentsModel = unavailable("rl", error)


class PpoAgents(GuardedModel, AgentsModel):
    """Agents of PPO that differ by their seed and vote on each action. Settings go into
    `rl_config`. See docs/hybrid_models.md.
    """
