"""Training: recipes (config), the generator of steps (loop), and a run folder around it (run)."""

from darklift.train.config import Recipe, load_recipe
from darklift.train.loop import StepReport, TrainState, train_steps
from darklift.train.run import train

__all__ = ["Recipe", "StepReport", "TrainState", "load_recipe", "train", "train_steps"]
