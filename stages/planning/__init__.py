"""What a run would ask and cost, before it does: the stages that DVC would run, run for their requests alone."""
