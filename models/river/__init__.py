"""River's own objects: any model behind the learner protocol, and their states."""
