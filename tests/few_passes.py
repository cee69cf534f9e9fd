"""Options with which methods of hundreds of passes make few, where their number proves nothing."""

FEW_PASSES = {
    "rise": {"masks": 40},
    "smooth_grad": {"samples": 4},
    "integrated_gradients": {"steps": 6},
}
